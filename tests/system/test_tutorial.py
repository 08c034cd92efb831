"""The tutorial does what it says: its code is the example's, and its commands run in order, with an outside package's driver, too."""

import importlib.util
import json
import os
import re
import shlex
import shutil
import socketserver
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from inspector.store import recordings

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = (ROOT / "stations" / "TUTORIAL.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "stations" / "examples" / "acme-scale"
FIRST_PART, OWN_DEVICE = TUTORIAL.split("## Your own device")
PATIENCE_S = 180


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(text):
    return [line for block in blocks(text, "sh") for line in block.replace("\\\n", " ").splitlines() if line.strip()]


@pytest.fixture
def desk(tmp_path):
    """A folder in which the tutorial's commands run as in a checkout."""
    for name in ("models", "stations"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def run(command, folder, packages=None):
    process = ran(_words(command), folder, packages)
    assert process.returncode == 0, f"{command}\n{process.stdout}{process.stderr}"
    return process.stdout


def ran(words, folder, packages=None):
    environment = _environment(folder, packages)
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def _words(command):
    program, *rest = shlex.split(command)
    assert program == "inspector"
    return [sys.executable, "-W", "error", "-m", "inspector.cli", *rest]


def _environment(folder, packages):
    paths = [str(path) for path in (packages,) if path] + [path for path in (os.environ.get("PYTHONPATH"),) if path]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "INSPECTOR_HOME": str(folder / "home")}


def look(command, folder):
    """Start what runs until Ctrl-C, wait for its address, and end it."""
    words = [*_words(command), "--port", "0"]
    process = subprocess.Popen(words, cwd=folder, env=_environment(folder, None), stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        while line and "http://127.0.0.1:" not in line:
            line = process.stdout.readline()
        return line
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def test_the_code_shown_is_the_example():
    assert blocks(OWN_DEVICE, "python") == [(EXAMPLE / "acme_scale.py").read_text(encoding="utf-8")]
    assert blocks(OWN_DEVICE, "toml") == [(EXAMPLE / "pyproject.toml").read_text(encoding="utf-8")]


def test_from_nothing_to_a_first_judged_part(desk):
    said = {}
    for command in commands(FIRST_PART):
        said[command.split(" --")[0]] = (look if command.startswith("inspector dashboard") else run)(command, desk)
    assert "press-2 is valid" in said["inspector station check press-2.yaml"]
    assert recordings.count_parts(desk / "press-2.mcap") == 6
    assert "6 parts" in said["inspector replay press-2.mcap"]
    judged = re.match(r"press-2: (\d+) parts, ", said["inspector station run press-2.yaml"])
    assert int(judged[1]) >= 4  # one that came while the last ones were judged has its outcome, too
    assert "http://127.0.0.1:" in said["inspector dashboard"]


# --- the outside package


class Scale(socketserver.StreamRequestHandler):
    """An ACME scale: each `SI` is answered with the weight."""

    def handle(self):
        for line in self.rfile:
            status = "S" if self.server.asked % 10 else "D"
            self.server.asked += 1
            weight = 12.0 + self.server.asked % 7 / 100
            self.wfile.write(f"S {status} {weight:9.2f} kg\r\n".encode() if line == b"SI\r\n" else b"ES\r\n")


@pytest.fixture
def scale():
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = allow_reuse_address = True
        asked = 0

    with Server(("127.0.0.1", 0), Scale) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The example built as a wheel and installed into a folder of its own."""
    for module in ("pip", "setuptools"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed here, so that no package can be built")
    folder = tmp_path_factory.mktemp("packages")
    source = shutil.copytree(EXAMPLE, folder / "source")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    offline = ["--no-deps", "--no-index"]
    subprocess.run([*pip, "wheel", *offline, "--no-build-isolation", "-w", str(folder), str(source)], check=True, timeout=PATIENCE_S)
    (wheel,) = folder.glob("acme_scale-1.0.0-*.whl")
    subprocess.run([*pip, "install", *offline, "--target", str(folder / "installed"), str(wheel)], check=True, timeout=PATIENCE_S)
    return folder / "installed"


def test_an_outside_driver_is_found_checked_and_recorded(desk, packages, scale):
    install, *rest = commands(OWN_DEVICE)
    assert install == "pip install stations/examples/acme-scale"
    port = scale.server_address[1]
    said = [run(command.replace("host=192.168.1.40", f"host=127.0.0.1,port={port}"), desk, packages) for command in rest]
    assert said[0] == "scales.yaml: edit it, then 'inspector station check scales.yaml'\n"
    assert re.search(r"ok   weight +acme-scale +.* Hz, 12 to 12.06 kg", said[1])
    assert "3 parts in scales.mcap" in said[2]
    (*_, last) = recordings.read_captures(desk / "scales.mcap")
    assert last.series["weight"].unit == "kg"
    assert len(last.series["weight"].values) > 5
    assert scale.asked > 30


def test_an_outside_driver_keeps_its_promise_and_conforms(desk, packages, scale):
    port = scale.server_address[1]
    run(f"inspector station new scales --series weight=acme-scale:host=127.0.0.1,port={port} --unit weight=kg", desk, packages)
    script = f"""
        import json, sys
        from inspector.cli import main
        from inspector.plugins import load_driver
        from inspector.testing import check_driver
        from stations import conformance
        assert check_driver(load_driver("acme-scale"), {{"host": "127.0.0.1", "port": {port}}}, unit="kg") == []
        conformance.FAULT_KINDS = ("unplugged",)
        sys.exit(main(["station", "check", "scales.yaml", "--seconds", "1", "--faults", "weight", "--json", "c.json"]))
    """
    process = ran([sys.executable, "-c", textwrap.dedent(script)], desk, packages)
    assert process.returncode == 0, process.stdout + process.stderr
    assert "CONFORMS weight (acme-scale) 1/1: +unplugged" in process.stdout
    told = json.loads((desk / "c.json").read_text())
    assert [one["kind"] for one in told["faults"]] == ["unplugged"]


def test_an_outside_driver_says_what_is_wrong(desk, packages, scale):
    port = scale.server_address[1]
    run(f"inspector station new scales --series weight=acme-scale:host=127.0.0.1,port={port} --unit weight=lb", desk, packages)
    process = ran(_words("inspector station check scales.yaml --seconds 1"), desk, packages)
    assert process.returncode == 2
    assert "weighs in kg, the station file says lb; set unit: kg" in process.stdout
