"""Requests over a serial port, against an instrument on a pseudo terminal that answers, answers late, or does not."""

import logging
import os
import select
import threading
import time
import tty
from collections import defaultdict

import pytest
from pydantic import ValidationError

from inspector.errors import DriverError
from inspector.plugins import load_driver
from inspector.testing import check_driver


class Instrument:
    """Answers the n-th request of a kind by `answer(request, n)`: the reply, or how long to wait and then the reply; None for none."""

    def __init__(self, answer):
        self._device, self._port = os.openpty()
        tty.setraw(self._port)
        self.port = os.ttyname(self._port)
        self.answer = answer
        self.asked = []
        self._counts = defaultdict(int)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        pending = b""
        while not self._ended.is_set():
            if select.select([self._device], [], [], 0.02)[0]:
                pending += os.read(self._device, 1000)
            while b"\n" in pending:
                request, _, pending = pending.partition(b"\n")
                self._reply(request.decode())

    def _reply(self, request):
        self.asked.append((request, time.monotonic_ns()))
        self._counts[request] += 1
        reply = self.answer(request, self._counts[request])
        if isinstance(reply, tuple):
            self._ended.wait(reply[0])
            reply = reply[1]
        if reply is not None:
            os.write(self._device, reply.encode())

    def close(self):
        self._ended.set()
        self._thread.join()
        for end in (self._device, self._port):
            if end is not None:
                os.close(end)
        self._device = self._port = None


@pytest.fixture
def bench():
    """Make instruments and drivers at them; all are closed at the end."""
    made = []

    def instrument(answer):
        made.append(Instrument(answer))
        return made[-1]

    def driver(device, channel="ch", unit="", **settings):
        kind = load_driver("serial-query")
        usual = {"port": device.port, "baud_rate": 115_200, "request": "T?\n", "interval_s": 0.05, "reply_timeout_s": 2.0}
        checked = kind.Settings.model_validate(usual | settings)
        made.append(kind(checked, channel=channel, unit=unit))
        return made[-1]

    yield instrument, driver
    for thing in sorted(made, key=lambda thing: isinstance(thing, Instrument)):
        thing.close()


def next_value(driver, limit_s=10.0):
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        series = driver.read(0.2)
        if series is not None:
            return series.values[0]
    raise AssertionError("no value came")


def test_a_reply_is_a_value_stamped_between_request_and_reply(bench):
    instrument, driver = bench
    device = instrument(lambda _request, n: (0.1, f"+{n}.5E+01 C\r\n"))
    meter = driver(device, unit="degC", interval_s=0.01)
    meter.open()
    before_ns = time.monotonic_ns()
    series = meter.read(2.0)
    after_ns = time.monotonic_ns()
    assert series.values.tolist() == [15.0]
    assert series.unit == "degC"
    assert before_ns + 49_000_000 <= series.t_ns[0] <= after_ns - 49_000_000
    assert next_value(meter) == 25.0


def test_requests_are_an_interval_apart(bench):
    instrument, driver = bench
    device = instrument(lambda _request, n: f"{n}\n")
    meter = driver(device, interval_s=0.2)
    meter.open()
    assert [next_value(meter) for _ in range(3)] == [1, 2, 3]
    apart_s = (device.asked[2][1] - device.asked[0][1]) / 1e9
    assert apart_s >= 0.38


def test_a_late_reply_is_not_taken_for_the_next_one(bench):
    instrument, driver = bench
    device = instrument(lambda _request, n: (0.5, f"{n}\n") if n in (1, 3) else f"{n}\n")
    meter = driver(device, reply_timeout_s=0.2, late_s=10.0, tries=5)
    meter.open()
    values = [next_value(meter) for _ in range(3)]
    assert values == sorted(set(values) - {1, 3})  # [2, 4, 5], unless this computer was busy


def test_a_late_reply_is_not_taken_for_the_next_one_after_reopening_either(bench):
    instrument, driver = bench
    device = instrument(lambda _request, n: (0.5, f"{n}\n") if n == 1 else f"{n}\n")
    meter = driver(device, reply_timeout_s=0.1, late_s=10.0, tries=1)
    meter.open()
    with pytest.raises(DriverError, match="no reply"):
        next_value(meter)
    meter.close()
    meter.open()
    assert next_value(meter) == 2


def test_a_late_reply_to_one_channel_is_not_taken_by_another(bench):
    instrument, driver = bench
    device = instrument(lambda request, n: (0.4, "111\n") if (request, n) == ("A?", 1) else {"A?": "1\n", "B?": "2\n"}[request])
    first = driver(device, "a", request="A?\n", reply_timeout_s=0.1, late_s=10.0, tries=5)
    second = driver(device, "b", request="B?\n", reply_timeout_s=0.1, late_s=10.0, tries=5)
    first.open()
    second.open()
    while not device.asked:
        assert first.read(0.05) is None
    assert first.read(0.3) is None
    assert next_value(second) == 2
    assert next_value(first) == 1


def test_two_channels_ask_one_instrument_at_once(bench):
    instrument, driver = bench
    device = instrument(lambda request, _n: (0.01, {"T?": "20.5\n", "P?": "1.25\n"}[request]))
    channels = {"t": driver(device, "t", interval_s=0.02), "p": driver(device, "p", request="P?\n", interval_s=0.02)}
    values = {name: [] for name in channels}

    def read(name):
        channels[name].open()
        values[name] += [next_value(channels[name]) for _ in range(20)]
        channels[name].close()

    threads = [threading.Thread(target=read, args=(name,)) for name in channels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values == {"t": [20.5] * 20, "p": [1.25] * 20}


def test_a_channel_whose_turn_did_not_come_does_not_wait_for_another_interval(bench):
    instrument, driver = bench
    device = instrument(lambda request, _n: (0.4, "1\n") if request == "A?" else "2\n")
    first, second = (driver(device, name, request=f"{name}?\n", interval_s=60.0) for name in "AB")
    first.open()
    second.open()
    assert first.read(0.05) is None
    assert second.read(0.05) is None
    assert next_value(first) == 1
    assert next_value(second) == 2


def test_a_port_stays_open_until_its_last_channel_is_closed(bench):
    instrument, driver = bench
    device = instrument(lambda _request, n: f"{n}\n")
    first, second = driver(device, "a"), driver(device, "b")
    first.open()
    second.open()
    first.close()
    first.close()
    assert next_value(second) == 1
    second.close()
    lines = load_driver("serial-lines")
    alone = lines(lines.Settings(port=device.port), channel="c")
    alone.open()
    alone.close()


def test_no_reply_is_an_error_after_as_many_tries_and_names_what_to_check(bench):
    instrument, driver = bench
    device = instrument(lambda _request, _n: None)
    meter = driver(device, reply_timeout_s=0.1, late_s=0.1, tries=3)
    meter.open()
    with pytest.raises(DriverError, match=rf"^ch: {device.port}: no reply to 'T\?\\n' within 0.1 s in 3 tries, check the device's power"):
        next_value(meter)
    assert len(device.asked) == 3


def test_a_slow_reply_holds_the_reader_no_longer_than_asked(bench):
    instrument, driver = bench
    device = instrument(lambda _request, _n: (0.5, "7\n"))
    meter = driver(device, reply_timeout_s=5.0)
    meter.open()
    began_s = time.monotonic()
    assert meter.read(0.1) is None
    assert time.monotonic() - began_s < 0.4
    assert next_value(meter) == 7
    assert len(device.asked) == 1


def test_an_unplugged_instrument_is_lost_and_can_come_back(bench, tmp_path):
    instrument, driver = bench
    link = tmp_path / "port"
    device = instrument(lambda _request, _n: "1\n")
    link.symlink_to(device.port)
    first, second = (driver(device, name, port=str(link)) for name in ("a", "b"))
    for meter in (first, second):
        meter.open()
        assert next_value(meter) == 1
    device.close()
    for meter in (first, second):
        with pytest.raises(DriverError, match=r"does not answer any more|does not exist"):
            next_value(meter)
        meter.close()
    link.unlink()
    with pytest.raises(DriverError, match="does not exist"):
        first.open()
    link.symlink_to(instrument(lambda _request, _n: "2\n").port)
    for meter in (first, second):
        meter.open()
        assert next_value(meter) == 2


def test_opening_prepares_the_instrument(bench):
    instrument, driver = bench
    device = instrument(lambda request, _n: {"*IDN?": "ACME 2000\n", "T?": "3\n"}.get(request))
    meter = driver(device, open_requests=["*RST\n", "*IDN?\n"])
    meter.open()
    assert next_value(meter) == 3
    assert [request for request, _ in device.asked[:3]] == ["*RST", "*IDN?", "T?"]


def test_an_echo_and_a_reply_without_a_number(bench, caplog):
    instrument, driver = bench
    device = instrument(lambda request, n: f"{request}\r\n" + ("OVERLOAD\r\n" if n < 3 else "5\r\n"))
    meter = driver(device)
    meter.open()
    with caplog.at_level(logging.WARNING):
        assert next_value(meter) == 5
    assert meter.unmatched == 2
    assert len(caplog.records) == 1
    assert "'OVERLOAD'" in caplog.text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"request": ""}, "request"),
        ({"request": "温度?\n"}, "must be ASCII"),
        ({"request": "T?\n", "pattern": r"\d"}, "must have one group"),
        ({"request": "T?\n", "tries": 0}, "tries"),
        ({}, "request"),
    ],
)
def test_wrong_settings_of_a_query(settings, message):
    with pytest.raises(ValidationError, match=message):
        load_driver("serial-query").Settings.model_validate({"port": "/dev/ttyS0"} | settings)


def test_the_query_keeps_its_promises(bench):
    instrument, _ = bench
    device = instrument(lambda _request, _n: "12.5\r\n")
    settings = {"port": device.port, "request": "T?\n", "interval_s": 0.02}
    assert check_driver(load_driver("serial-query"), settings, unit="bar") == []
