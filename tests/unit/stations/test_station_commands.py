"""`inspector station …` as people type it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inspector.cli import main
from inspector.store import recordings
from inspector.training.parts_folder import load_parts_folder

FILES = """\
station: bench
title: {{ en: Bench, zh: 台 }}
trigger: {{ driver: timer, settings: {{ interval_s: {interval_s}, first_s: 1.0, parts: {parts} }} }}
channels:
  temp:
    modality: series
    driver: series-file
    settings: {{ file: t.csv, column: x }}
    window: {{ pre_s: 1 }}
"""


def run(*words):
    return main(["station", *map(str, words)])


@pytest.fixture
def bench(tmp_path):
    def write(parts=5, interval_s=0.1, rows=10_000):
        (tmp_path / "t.csv").write_text("t_s,x\n" + "".join(f"{k / 100:.2f},{k}\n" for k in range(rows)))
        (tmp_path / "bench.yaml").write_text(FILES.format(parts=parts, interval_s=interval_s), encoding="utf-8")
        return tmp_path / "bench.yaml"

    return write


def test_a_new_station_is_valid_and_answers(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("new", "press-2") == 0
    assert run("check", "press-2.yaml", "--json", "c.json") == 0
    told = json.loads(Path("c.json").read_text())
    assert told["ok"]
    assert set(told["devices"]) == {"trigger", "camera", "microphone", "motor_current", "log"}
    assert run("new", "press-2") == 2
    assert "exists already" in capsys.readouterr().err
    assert run("new", "Press 2") == 2


def test_a_simulated_station_is_recorded_with_its_truth(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("new", "press-2")
    assert run("record", "press-2.yaml", "--parts", 4, "--out", "r.mcap", "--json", "r.json") == 0
    assert json.loads(Path("r.json").read_text()) == {"recording": "r.mcap", "parts": 4, "degraded": 0, "parts_folder": "r-parts"}
    folder = load_parts_folder(tmp_path / "r-parts")
    assert len(folder.parts) == 4
    assert folder.modalities == ("image", "audio", "series")
    assert len(list(recordings.read_parts(tmp_path / "r.mcap"))) == 4


def test_file_drivers_are_recorded_without_truth_and_paths_are_beside_the_station(bench, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir("/")
    assert run("record", bench(), "--parts", 50, "--out", tmp_path / "r.mcap") == 0
    assert recordings.info(tmp_path / "r.mcap")["parts"] == 5
    assert not (tmp_path / "r-parts").exists()
    assert run("record", bench(), "--parts", 5, "--out", tmp_path / "r.mcap") == 2
    assert "never overwritten" in capsys.readouterr().err


def test_every_mistake_is_told_with_file_and_key(bench, tmp_path, capsys):
    path = bench()
    path.write_text(path.read_text().replace("interval_s", "intervall_s").replace("column: x", "colum: x"))
    assert run("check", path) == 2
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"{path}, trigger.settings.interval_s: is missing: from part to part (line 3)",
        f"{path}, trigger.settings.intervall_s: unknown key 'intervall_s', did you mean 'interval_s'? (line 3)",
        f"{path}, channels.temp.settings.column: is missing (line 8)",
        f"{path}, channels.temp.settings.colum: unknown key 'colum', did you mean 'column'? (line 8)",
    ]


def test_a_device_that_does_not_open_fails_the_check(bench, tmp_path, capsys):
    path = bench()
    (tmp_path / "t.csv").unlink()
    assert run("check", path) == 2
    assert "t.csv: does not exist" in capsys.readouterr().out


def test_the_shipped_stations_are_listed(capsys):
    assert run("list", "--json", "-") == 0
    assert "demo-press" in {station["station"] for station in json.loads(capsys.readouterr().out)["stations"]}


def _recording(path, out):
    command = [sys.executable, "-m", "inspector.cli", "station", "record", str(path), "--live", "--parts", "1000", "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while time.monotonic() < end and not (out.exists() and out.stat().st_size > 12_000):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    time.sleep(1.0)
    return process


def test_ctrl_c_ends_a_recording_cleanly(bench, tmp_path):
    process = _recording(bench(parts=1000, interval_s=0.05), tmp_path / "r.mcap")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert recordings.check(tmp_path / "r.mcap")["complete"]
    assert output.startswith(f"{recordings.count_parts(tmp_path / 'r.mcap')} parts in ")


def test_a_killed_recording_loses_at_most_the_part_in_flight(bench, tmp_path):
    process = _recording(bench(parts=1000, interval_s=0.05), tmp_path / "r.mcap")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    told = recordings.recover(tmp_path / "r.mcap", tmp_path / "mended.mcap")
    assert told["parts"] >= 10
    ids = [capture.trigger.part_id for capture in recordings.read_captures(tmp_path / "mended.mcap")]
    assert ids == [f"part-{k:06d}" for k in range(1, len(ids) + 1)]
