"""Processes that the integration tests run: engines and proxies (`EVENT_ENGINE_PEERS`) and C clients (`puppet`)."""

import json
import os
import select
import signal
import subprocess
import time
import unittest

ANSWER_S = 60


def _binary(variable, what):
    path = os.environ.get(variable, "")
    if not os.access(path, os.X_OK):
        raise AssertionError(f"set {variable} to {what}; it is {path!r}")
    return path


class Process:
    """A child that answers each line on its stdin by one line on its stdout."""

    def __init__(self, command):
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self._rest = b""

    @property
    def pid(self):
        return self.child.pid

    def send(self, line):
        self.child.stdin.write(line.encode() + b"\n")

    def read(self, within_s=ANSWER_S):
        """The next line; an AssertionError after `within_s` seconds or at the end of the output."""
        deadline = time.monotonic() + within_s
        while b"\n" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.child.stdout], [], [], left)[0]:
                raise AssertionError(f"no answer within {within_s} s from {self.child.args}")
            chunk = self.child.stdout.read(65536)
            if not chunk:
                raise AssertionError(f"{self.child.args} has ended with {self.child.wait()}")
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def ask(self, line, within_s=ANSWER_S):
        self.send(line)
        return self.read(within_s)

    def kill(self):
        """Ends the process as a crash does."""
        self.child.kill()
        self.close()

    def close(self):
        for pipe in (self.child.stdin, self.child.stdout):
            try:
                pipe.close()
            except OSError:
                pass
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class Peer(Process):
    """A subcommand of `peers`; its port stands in `port`."""

    def __init__(self, *arguments):
        super().__init__([_binary("EVENT_ENGINE_PEERS", "the program `peers` of conformance/peers"), *map(str, arguments)])
        self.port = int(self.read().removeprefix("port "))

    @property
    def endpoint(self):
        return f"tcp://127.0.0.1:{self.port}"

    def ledger(self):
        return json.loads(self.ask("ledger"))

    def collected(self, count, within_ms=20000):
        """What came of `up:` events: total, distinct, in order, last."""
        words = self.ask(f"collected-wait {count} {within_ms}").split()
        return int(words[1]), int(words[3]), words[5] == "true", words[7]


class Taken:
    """The answer of the puppet's `take` and `duplex`."""

    def __init__(self, line):
        words = line.split()
        self.line = line
        self.status = words[0]
        self.in_order = words[6] == "true"
        for name, value in zip(words[1::2], words[2::2]):
            if name != "in_order":
                setattr(self, name, int(value))


class Puppet(Process):
    """A client of the C library, steered by lines."""

    def __init__(self):
        # Under a sanitizer or a checker its complaint is the exit status.
        prefix = os.environ.get("PUPPET_UNDER", "").split()
        super().__init__([*prefix, _binary("PUPPET", "the test program `puppet`")])

    def connect(self, endpoint, **options):
        return self.ask(" ".join(["connect", endpoint, *(f"{key}={value}" for key, value in options.items())]))

    def take(self, count, within_ms, *more):
        return Taken(self.ask(" ".join(map(str, ["take", count, within_ms, *more]))))

    def unsettled(self):
        any_, first, last = map(int, self.ask("unsettled").split())
        return (first, last) if any_ else None

    def stop(self):
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid, signal.SIGCONT)


class Case(unittest.TestCase):
    """A test whose processes are ended with it; a client's exit status must be 0 unless it was killed."""

    def start(self, process):
        def end():
            process.close()
            if isinstance(process, Puppet):
                self.assertIn(process.child.returncode, (0, -signal.SIGKILL), "the client's exit status")

        self.addCleanup(end)
        return process

    def engine(self, *arguments):
        return self.start(Peer("engine", *arguments))

    def ancestor(self):
        return self.start(Peer("ancestor"))

    def proxy(self, engine, *arguments):
        return self.start(Peer("proxy", "--target", f"127.0.0.1:{engine.port}", *arguments))

    def puppet(self, endpoint=None, **options):
        puppet = self.start(Puppet())
        if endpoint:
            self.assertEqual(puppet.connect(endpoint, **options), "EE_OK", puppet.ask("text"))
        return puppet

    def eventually(self, condition, within_s=20):
        """Asks until the condition holds; fails when it does not within the time."""
        deadline = time.monotonic() + within_s
        while not condition():
            self.assertLess(time.monotonic(), deadline, "the condition did not come about")

    def assert_took_all(self, taken, count):
        self.assertEqual(
            (taken.status, taken.taken, taken.distinct, taken.in_order, taken.redelivered),
            ("EE_OK", count, count, True, 0),
            taken.line,
        )
