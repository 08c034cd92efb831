"""Every shipped station file is valid, names drivers that exist with settings that they take, and claims nothing without evidence."""

from pathlib import Path

import pytest

import stations
from inspector.clock import SteppedClock
from inspector.config import load_station, station_files
from stations.agent import Agent
from stations.devices import build_drivers
from stations.template import station_template

FILES = station_files(Path(stations.__file__).parent / "definitions")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_station_file_is_valid(path):
    station = load_station(path)
    assert station.station == path.stem
    build_drivers(station, SteppedClock(), path)
    for title in (station.title, *(channel.title for channel in station.channels.values() if channel.title)):
        assert title.en
        assert any("\u4e00" <= letter <= "\u9fff" for letter in title.zh), f"{title.zh} is not Chinese"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_units_are_given(path):
    for name, channel in load_station(path).channels.items():
        assert channel.modality == "image" or channel.unit, f"{name} has no unit"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_maturity_is_not_claimed_without_evidence(path):
    station = load_station(path)
    if station.maturity == "draft":
        return
    evidence = path.with_suffix("")
    assert station.owner, f"{station.station} is {station.maturity} but has no owner"
    assert (evidence / "recording.mcap").is_file(), f"{station.station} is {station.maturity} but has no recording"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_simulated_station_captures(path):
    agent = Agent(load_station(path), SteppedClock(), path=path)
    if not agent.drivers.steppable:
        pytest.skip("needs its devices")
    with agent:
        (capture,) = agent.captures(1)
    assert {*capture.frames, *capture.waveforms, *capture.series} == set(agent.station.channels)


def test_the_template_for_new_stations_is_valid(tmp_path):
    path = tmp_path / "press-9.yaml"
    path.write_text(station_template("press-9"), encoding="utf-8")
    station = load_station(path)
    build_drivers(station, SteppedClock(), path)
    assert station.station == "press-9"
