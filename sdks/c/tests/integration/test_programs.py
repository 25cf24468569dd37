"""Programs that run against an engine by themselves: refused resources, the examples."""

import os
import subprocess

from peers import Case


def program(name):
    path = os.path.join(os.environ["BUILD"], name)
    if not os.access(path, os.X_OK):
        raise AssertionError(f"{path} is missing: set BUILD to the build directory")
    return path


def run(*command, **environment):
    return subprocess.run(
        [*command], env={**os.environ, **environment}, timeout=120, capture_output=True, text=True, check=False
    )


class Refusals(Case):
    """See tests/unit/refusals.c."""

    def refuse(self, profile):
        # Many clients quit one after the other. What one that gave up connecting was sent comes back after the grace.
        e = self.engine("--replicas", 500, "--grace-ms", 1000)
        e.ask("publish 1000")
        done = run(program("tests/refusals"), e.endpoint, profile)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        published = int(done.stdout.split()[-5])
        self.assertEqual(e.collected(published), (published, published, True, str(published - 1)))
        self.assertEqual(e.ask("other"), "other 0")

    def test_session(self):
        self.refuse("session")

    def test_basic(self):
        self.refuse("basic")


class Examples(Case):
    def test_batch(self):
        e = self.engine()
        done = run(program("examples/example_batch"), "up:", "20", EVENT_ENGINE_ENDPOINT=e.endpoint)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(e.collected(20000), (20000, 20000, True, "19999"))
        self.assertTrue(e.ask("wait 5000").startswith("ended COMPLETED"))

    def test_echo(self):
        e = self.engine()
        e.ask("publish 100")
        e.ask("stop")
        done = run(program("examples/example_echo"), "got ", EVENT_ENGINE_ENDPOINT=e.endpoint)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(e.ask("wait 5000").startswith("ended"))

    def test_echo_without_an_engine_says_what_to_do(self):
        done = run(program("examples/example_echo"), EVENT_ENGINE_ENDPOINT="")
        self.assertEqual(done.returncode, 1)
        self.assertIn("EVENT_ENGINE_ENDPOINT", done.stderr)
