"""The soak of the handshake, made short: a PLC and a station over the real protocol, with `kill -9` of both."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("protocol", "package", "parts", "kills"), [("modbus-plc", "pymodbus", 100, 2), ("opcua-plc", "asyncua", 60, 1)])
def test_every_part_has_exactly_one_outcome_over_restarts_of_both_sides(protocol, package, parts, kills, tmp_path):
    pytest.importorskip(package)
    report = tmp_path / "report.json"
    command = [
        sys.executable,
        "-m",
        "tests.bench.plc_soak",
        "--protocol",
        protocol,
        "--parts",
        str(parts),
        "--rate",
        "20",
        "--kills",
        str(kills),
    ]
    done = subprocess.run(
        [*command, "--seed", "5", "--json", str(report), "--folder", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(report.read_text())
    assert told["broken"] == []
    assert told["parts"] == parts
    assert told["late_verdicts_acted_on"] == 0
    assert told["station_kills"] + told["plc_kills"] >= 2
    assert told["outcomes"]["PASS"] > 0
