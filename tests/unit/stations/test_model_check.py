"""`inspector station check --model`: whether a model fits a station, and what it promises there."""

from pathlib import Path

import pytest

from inspector.config import load_station
from stations.model_check import check_model

ROOT = Path(__file__).resolve().parents[3]
MODEL = ROOT / "models" / "demo-press" / "1.0.0"
DEMO = ROOT / "stations" / "definitions" / "demo-press.yaml"
THERMOMETER = """\
station: kiln
title: { en: Kiln, zh: 窑 }
trigger: { driver: timer, settings: { interval_s: 1 } }
channels:
  kiln_heat: { modality: series, driver: series-file, settings: { file: t.csv, column: x }, window: { pre_s: 1 } }
"""


def test_the_demo_fits_its_model_and_hears_what_is_promised():
    fit = check_model(MODEL, load_station(DEMO))
    assert fit.ok
    assert fit.words.startswith("fits; ")
    assert "at most 5 % of good parts rejected" in fit.words
    assert fit.kept == ("promised with 90% confidence" in fit.words)


def test_a_station_that_lacks_a_channel_is_told_which():
    station = load_station(DEMO)
    fewer = {name: channel for name, channel in station.channels.items() if name != "camera"}
    fit = check_model(MODEL, station.model_copy(update={"channels": fewer}))
    assert (fit.ok, fit.kept) == (True, False)
    assert fit.words.startswith("fits, but without camera; ")


def test_a_model_of_another_line_does_not_fit(tmp_path):
    (tmp_path / "kiln.yaml").write_text(THERMOMETER, encoding="utf-8")
    (tmp_path / "t.csv").write_text("t_s,x\n0,1\n")
    fit = check_model(MODEL, load_station(tmp_path / "kiln.yaml"))
    assert not fit.ok
    assert "knows none of the station's channels" in fit.words


@pytest.mark.parametrize("folder", ["nothing", "."])
def test_a_folder_that_is_no_model_is_said_in_one_line(tmp_path, folder):
    fit = check_model(tmp_path / folder, load_station(DEMO))
    assert not fit.ok
    assert "\n" not in fit.words
