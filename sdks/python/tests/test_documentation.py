"""The README's code runs, and so do the examples."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Callable

import pytest
from peers import BOUND_S, Peer, collected

_HERE = Path(__file__).parents[1]
_BLOCKS = re.findall(r"```python\n(.*?)```", (_HERE / "README.md").read_text(), re.S)
_PRELUDE = "import event_engine\nclient = event_engine.connect('tcp://127.0.0.1:6000')\n"


def _run(peer: Peer, *arguments: str, stdin: str = "") -> str:
    environment = {**os.environ, "EVENT_ENGINE_ENDPOINT": peer.endpoint}
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def test_readme_has_code() -> None:
    assert len(_BLOCKS) >= 6


@pytest.mark.parametrize("block", _BLOCKS, ids=[str(n) for n in range(len(_BLOCKS))])
def test_readme(start: Callable[..., Peer], block: str) -> None:
    if "envelope" in block:
        pytest.importorskip("google.protobuf")
    engine = start("engine")
    engine.ask("publish 3")
    if "for event in client" in block or "stopping" in block:
        engine.ask("stop")
    code = block if "connect(" in block else _PRELUDE + block + "client.quit()\n"
    _run(engine, "-c", code.replace("tcp://127.0.0.1:6000", engine.endpoint))
    assert "ended" in engine.ask("wait 20000")


def test_receive(engine: Peer) -> None:
    engine.ask("publish 3")
    engine.ask("stop")
    output = _run(engine, str(_HERE / "examples" / "receive.py"))
    assert output == "1: down:00000000\n2: down:00000001\n3: down:00000002\n"


def test_publish(engine: Peer) -> None:
    lines = "".join(f"up:{n:08}\n" for n in range(1000))
    output = _run(engine, str(_HERE / "examples" / "publish.py"), stdin=lines)
    assert output == "1000 events accepted\n"
    assert engine.ask("collected-wait 1000 20000") == collected(1000)


def test_pipeline(engine: Peer) -> None:
    engine.ask("publish 300")
    outputs: list[str] = []
    example = str(_HERE / "examples" / "pipeline.py")
    running = threading.Thread(target=lambda: outputs.append(_run(engine, example)))
    running.start()
    assert engine.ask("collected-wait 300 20000").startswith("collected 300 distinct 300")
    engine.ask("stop")
    running.join(BOUND_S)
    assert outputs[0].endswith("300 answered\n")


def test_plugin_of_the_seed_application(start: Callable[..., Peer]) -> None:
    engine = start("engine", "--subscribe", "Type")
    events = [f"TypeAThis is message {n}" for n in range(5)] + ["TypeB17"] * 5
    for event in events:
        engine.ask(f"text {event}")
    plugin = _HERE.parents[1] / "examples" / "seed" / "plugins" / "python" / "plugin.py"
    lines = _run(engine, str(plugin)).splitlines()
    assert [line.split(" got ")[-1] for line in lines[:-1]] == events
    assert engine.ask("wait 20000").startswith("ended COMPLETED")
    assert engine.ask("other").startswith(f"other 1 {b'TypeCGoodbye from '.hex()}")
