"""The kit over a real serial line, on which a device sends a value every 20 ms."""

import itertools
import os
import threading
import tty

import pytest

from inspector.config import load_station
from stations import conformance
from stations.conformance import Survival, badge, check_faults


@pytest.fixture
def scale():
    device, port = os.openpty()
    tty.setraw(port)
    ended = threading.Event()

    def send():
        for number in itertools.count():
            if ended.wait(0.02):
                return
            os.write(device, b"+ %d.5 kg\r\n" % (number % 7))

    sender = threading.Thread(target=send)
    sender.start()
    yield os.ttyname(port)
    ended.set()
    sender.join()
    os.close(device)
    os.close(port)


@pytest.fixture
def station_file(tmp_path, scale):
    path = tmp_path / "scale.yaml"
    path.write_text(
        f"""
station: scale
title: {{ en: "Scale", zh: "秤" }}
trigger: {{ driver: timer, settings: {{ interval_s: 60 }} }}
channels:
  weight:
    modality: series
    driver: serial-lines
    settings: {{ port: {scale} }}
    unit: kg
    window: {{ pre_s: 1 }}
    max_age_ms: 200
    max_still_s: 0.5
  pressure: {{ modality: series, driver: simulated-series, settings: {{ stream: air_pressure }}, unit: bar, window: {{ pre_s: 1 }} }}
"""
    )
    return path


def test_a_driver_of_ours_conforms(station_file, monkeypatch):
    monkeypatch.setattr(conformance, "FAULT_KINDS", ("unplugged", "hanging", "stuck", "clock-back"))
    found = check_faults(load_station(station_file), station_file, ["weight"])
    assert [(one.kind, one.complaints) for one in found] == [("unplugged", ()), ("hanging", ()), ("stuck", ()), ("clock-back", ())]
    assert badge(found) == ["CONFORMS weight (serial-lines) 4/4: +unplugged +hanging +stuck +clock-back"]


def test_a_device_that_is_not_well_is_no_conforming_one(station_file, monkeypatch):
    monkeypatch.setattr(conformance, "FAULT_KINDS", ("nan",))
    monkeypatch.setattr(conformance, "WELL_WITHIN_S", 2.0)
    text = station_file.read_text().replace("serial-lines", "serial-lines").replace("port: /", "port: /nowhere/")
    station_file.write_text(text)
    (found,) = check_faults(load_station(station_file), station_file, ["weight"])
    assert "not well without any fault" in found.complaints[0]
    assert badge([found])[0].startswith("FAILS")
    assert str(found).split()[:3] == ["FAIL", "weight", "nan"]


def test_what_became_of_a_channel_is_told_in_a_line():
    assert (
        str(Survival("weight", "x", "nan", 0.04, 1.0)) == "  ok   weight               nan            shown after 0.0 s, back after 1.0 s"
    )
    assert str(Survival("weight", "x", "slow", None, 0.5)).endswith("back after 0.5 s")
    assert str(Survival("weight", "x", "nan", 0.1, None, ("not back within 10 s",))).endswith("not back within 10 s")
