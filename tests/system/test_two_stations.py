"""Two stations on one box, by the real command: one hangs, is killed and comes back, and the other one never notices."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inspector.home import DEMO_MODEL, Home, newest_version
from inspector.store import Store

DEMO = Path(__file__).resolve().parents[2] / "stations" / "definitions" / "demo-press.yaml"


def station_file(folder, name, seed):
    path = folder / f"{name}.yaml"
    text = DEMO.read_text(encoding="utf-8").replace("station: demo-press", f"station: {name}").replace("seed: 130", f"seed: {seed}")
    path.write_text(text, encoding="utf-8")
    return path


def children_of(pid):
    command = ["ps", "-ww", "-o", "pid=", "-o", "args=", "--ppid", str(pid)]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {line.split(None, 1)[1]: int(line.split(None, 1)[0]) for line in listing.splitlines()}


def child_with(pid, name):
    return next((child for args, child in children_of(pid).items() if f"{name}.yaml" in args), None)


def eventually(condition, timeout_s=60.0):
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        if condition():
            return True
        time.sleep(0.2)
    return False


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_one_station_hangs_and_is_killed_while_the_other_goes_on(tmp_path):
    files = [station_file(tmp_path, "press-a", 1), station_file(tmp_path, "press-b", 2)]
    home = tmp_path / "home"
    command = [sys.executable, "-m", "inspector.cli", "station", "run", *map(str, files), "--home", str(home)]
    command += ["--model", str(newest_version(DEMO_MODEL)), "--json", str(tmp_path / "report.json")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        store_ready = eventually(lambda: (home / "inspector.db").is_file() and child_with(process.pid, "press-b") is not None)
        assert store_ready
        store = Store.open(Home.at(home))

        def parts(name):
            return sum(store.counts(name).values())

        assert eventually(lambda: parts("press-a") > 2 and parts("press-b") > 2)
        hanging = child_with(process.pid, "press-a")
        os.kill(hanging, signal.SIGSTOP)
        before_a, before_b = parts("press-a"), parts("press-b")
        assert eventually(lambda: parts("press-b") > before_b + 4)
        assert parts("press-a") <= before_a + 1
        os.kill(hanging, signal.SIGKILL)
        assert eventually(lambda: child_with(process.pid, "press-a") not in (None, hanging))
        assert eventually(lambda: parts("press-a") > before_a + 3)
    finally:
        process.send_signal(signal.SIGTERM)
        _, words = process.communicate(timeout=60)
    report = json.loads((tmp_path / "report.json").read_text())["stations"]
    assert report["press-a"]["restarts"] == 1
    assert report["press-b"]["restarts"] == 0
    assert report["press-b"]["unsaved"] == 0
    assert "press-a: its process died" in words
