"""What is installed: symbols, CMake package, pkg-config, use from C++."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
SDK = HERE.parent.parent


def run(*command, **environment):
    done = subprocess.run(
        [str(part) for part in command], env={**os.environ, **environment}, timeout=300, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise AssertionError(f"{command}:\n{done.stdout}{done.stderr}")
    return done.stdout


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.prefix = Path(cls.directory.name, "prefix")
        run("cmake", "--install", os.environ["BUILD"], "--prefix", cls.prefix)
        cls.lib = next(cls.prefix.glob("**/libevent_engine.so")).parent

    def symbols(self, library, *options):
        lines = run("nm", *options, "--defined-only", library).splitlines()
        return {fields[2] for fields in map(str.split, lines) if len(fields) == 3 and fields[1] in "TDBRVW"}

    def test_the_shared_library_exports_the_header_and_nothing_else(self):
        header = Path(SDK, "include/event_engine.h").read_text(encoding="utf-8")
        declared = set(re.findall(r"^EE_API [^(]*?\b(ee_\w+)\(", header, re.MULTILINE))
        self.assertGreater(len(declared), 15)
        self.assertEqual(self.symbols(self.lib / "libevent_engine.so", "--dynamic"), declared)

    def test_symbols_of_the_static_library_are_prefixed(self):
        names = self.symbols(self.lib / "libevent_engine.a")
        self.assertEqual([name for name in names if not name.startswith("ee_")], [])

    def test_cmake_package(self):
        build = Path(self.directory.name, "consumer")
        run("cmake", "-S", HERE / "consumer", "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run("cmake", "--build", build)
        for program in ("shared", "static"):
            self.assertEqual(run(build / program), "0.3.0 EE_TIMEOUT\n")

    def test_the_programs_of_the_readme_compile(self):
        text = Path(SDK, "README.md").read_text(encoding="utf-8")
        blocks = re.findall(r"^```c\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        self.assertGreaterEqual(len(blocks), 2)
        for number, block in enumerate(blocks):
            if "int main" not in block:
                block = f"#include <event_engine.h>\nint part(ee_client *client);\nint part(ee_client *client) {{\n{block}return (int)status;\n}}\n"
            source = Path(self.directory.name, f"readme{number}.c")
            source.write_text(block, encoding="utf-8")
            run("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Wpedantic", "-fsyntax-only", f"-I{SDK}/include", source)

    def test_pkg_config(self):
        path = {"PKG_CONFIG_PATH": str(self.lib / "pkgconfig")}
        flags = run("pkg-config", "--cflags", "--libs", "event-engine", **path).split()
        program = Path(self.directory.name, "by-pkg-config")
        run("g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-pedantic", HERE / "consumer/consumer.cpp", "-o", program, *flags)
        self.assertEqual(run(program, LD_LIBRARY_PATH=str(self.lib)), "0.3.0 EE_TIMEOUT\n")
        self.assertEqual(run("pkg-config", "--modversion", "event-engine", **path), "0.3.0\n")
