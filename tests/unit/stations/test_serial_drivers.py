import logging
import os
import select
import threading
import time
import tty

import numpy as np
import pytest
from pydantic import ValidationError

from inspector.drivers import TriggerSource, VerdictSink
from inspector.errors import DriverError
from inspector.parts import Decision
from inspector.plugins import load_driver
from inspector.testing import check_driver


class Wire:
    """A pseudo terminal: the driver opens `port`, the test is the device at the other end."""

    def __init__(self):
        self._device, self._port = os.openpty()
        tty.setraw(self._port)
        self.port = os.ttyname(self._port)

    def send(self, data):
        os.write(self._device, data)

    def received(self, end=b"\n"):
        data = b""
        while not data.endswith(end) and select.select([self._device], [], [], 2.0)[0]:
            data += os.read(self._device, 1000)
        return data

    def unplug(self):
        for end in (self._port, self._device):
            if end is not None:
                os.close(end)
        self._port = self._device = None

    def close(self):
        if self._device is not None:
            self.unplug()


@pytest.fixture
def wire():
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture
def opened():
    """Make and open a driver; a source has seen one line end, so that the next line counts."""
    made = []

    def make(name, wire, unit="", **settings):
        driver_class = load_driver(name)
        checked = driver_class.Settings.model_validate({"port": wire.port, "baud_rate": 115_200} | settings)
        driver = driver_class(checked, channel="ch", unit=unit)
        made.append(driver)
        driver.open()
        if name in ("serial-lines", "serial-trigger"):
            wire.send(b"\n")
            assert (driver.read if name == "serial-lines" else driver.wait)(0.05) is None
        return driver

    yield make
    for driver in made:
        driver.close()


def use(driver):
    if isinstance(driver, VerdictSink):
        driver.send(Decision("part-1", "pass", 0.1))
    else:
        (driver.wait if isinstance(driver, TriggerSource) else driver.read)(1.0)


def values_of(source, count):
    values = []
    while len(values) < count:
        series = source.read(2.0)
        assert series is not None, f"only {values} came"
        values += series.values.tolist()
    return values


def test_a_value_has_the_stamp_of_its_arrival_and_the_unit_of_the_station(wire, opened):
    scale = opened("serial-lines", wire, unit="kg")
    for number in range(3):
        before_ns = time.monotonic_ns()
        wire.send(b"ST,GS,+  1%d.25 kg\r\n" % number)
        series = scale.read(2.0)
        after_ns = time.monotonic_ns()
        assert series.values.tolist() == [10.25 + number]
        assert series.unit == "kg"
        assert before_ns - 2_000_000 <= series.t_ns[0] <= after_ns


def test_a_split_line_is_put_together_and_has_the_stamp_of_its_first_byte(wire, opened):
    gauge = opened("serial-lines", wire)
    before_ns = time.monotonic_ns()
    wire.send(b"12")
    assert gauge.read(0.1) is None
    after_first_ns = time.monotonic_ns()
    wire.send(b"3.5")
    assert gauge.read(0.1) is None
    wire.send(b"\r\n7\r\n")
    series = gauge.read(2.0)
    assert series.values.tolist() == [123.5, 7.0]
    assert before_ns - 1_000_000 <= series.t_ns[0] <= after_first_ns < series.t_ns[1]


def test_lines_in_one_piece_lie_apart_as_on_the_wire(wire, opened):
    gauge = opened("serial-lines", wire, baud_rate=9600)
    time.sleep(0.05)
    wire.send(b"1\n2\n3\n4\n5\n")
    time.sleep(0.02)
    series = gauge.read(2.0)
    assert series.values.tolist() == [1, 2, 3, 4, 5]
    assert np.diff(series.t_ns) == pytest.approx(2 * 10 / 9600 * 1e9, rel=0.01)
    assert series.t_ns[-1] <= time.monotonic_ns()


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"-0,75", -0.75),
        (b"+ 12.5 kg", 12.5),
        (b"GS,5 g", 5.0),
        (b"ST-GS 12.3", 12.3),
        (b"-.5", -0.5),
        (b" ,5", 0.5),
        (b"1.25E-03", 0.00125),
        (b"\x0223.4 \xb0C\x03", 23.4),
        (b"0007", 7.0),
    ],
)
def test_numbers_as_devices_write_them(wire, opened, line, value):
    gauge = opened("serial-lines", wire)
    wire.send(line + b"\r")
    assert values_of(gauge, 1) == [value]


def test_the_pattern_chooses_among_several_numbers(wire, opened):
    meter = opened("serial-lines", wire, pattern=r"CH(\d) T=(?P<value>\S+)")
    wire.send(b"CH1 T=21,5 H=40\nCH1 T=OL H=40\nCH1 T=22.5 H=41\n")
    assert values_of(meter, 2) == [21.5, 22.5]
    assert meter.unmatched == 1


def test_garbage_is_counted_and_logged_once(wire, opened, caplog):
    gauge = opened("serial-lines", wire)
    with caplog.at_level(logging.WARNING):
        wire.send(b"ERR\r\n\xff\xfe\x80\r\n1.5 2.5\r\n1\xff2\r\n4.5\r\n")
        assert values_of(gauge, 1) == [4.5]
    assert gauge.unmatched == 4
    assert len(caplog.records) == 1
    assert "'ERR'" in caplog.text
    assert "pattern" in caplog.text


def test_a_line_without_end_is_thrown_away_and_the_next_one_counts(wire, opened):
    gauge = opened("serial-lines", wire)
    for _ in range(5):
        wire.send(b"8" * 500)
        assert gauge.read(0.02) is None
    wire.send(b"\n6.5\n")
    assert values_of(gauge, 1) == [6.5]
    assert gauge.unmatched == 1


def test_a_line_broken_off_is_not_joined_with_the_next(wire, opened):
    gauge = opened("serial-lines", wire)
    wire.send(b"12")
    assert gauge.read(1.2) is None
    wire.send(b"34.5\n")
    assert values_of(gauge, 1) == [34.5]
    assert gauge.unmatched == 1


def test_garbage_without_end_does_not_hold_the_reader(wire, opened):
    gauge = opened("serial-lines", wire)
    ended = threading.Event()

    def babble():
        while not ended.wait(0.001):
            wire.send(b"?\n")

    babbler = threading.Thread(target=babble)
    babbler.start()
    began_s = time.monotonic()
    assert gauge.read(0.2) is None
    assert 0.15 < time.monotonic() - began_s < 1.0
    ended.set()
    babbler.join()


@pytest.mark.parametrize("timeout_s", [0.0, 0.2])
def test_a_silent_device_keeps_the_reader_no_longer_than_asked(wire, opened, timeout_s):
    gauge = opened("serial-lines", wire)
    began_s = time.monotonic()
    assert gauge.read(timeout_s) is None
    assert timeout_s - 0.01 < time.monotonic() - began_s < timeout_s + 0.5


@pytest.mark.parametrize(("silence_s", "expected"), [(0.0, [2.0]), (0.05, [2.0]), (0.15, [1.0, 2.0])])
def test_a_line_cut_by_opening_the_port_is_left_out_unless_silence_came_before(wire, silence_s, expected):
    driver = load_driver("serial-lines")
    gauge = driver(driver.Settings(port=wire.port, baud_rate=115_200), channel="ch")
    gauge.open()
    assert gauge.read(silence_s) is None
    wire.send(b"1\n2\n")
    assert gauge.read(2.0).values.tolist() == expected
    gauge.close()


@pytest.mark.parametrize("name", ["serial-lines", "serial-trigger", "serial-sink"])
def test_an_unplugged_device_is_an_error_that_names_its_port(wire, opened, name):
    driver = opened(name, wire)
    wire.unplug()
    with pytest.raises(DriverError, match=rf"^ch: {wire.port}: does not answer any more .* plug the device in again"):
        use(driver)


@pytest.mark.parametrize("name", ["serial-lines", "serial-trigger", "serial-sink"])
def test_ports_that_cannot_be_opened_say_why(wire, opened, name, tmp_path):
    driver = load_driver(name)
    (tmp_path / "file").write_text("")
    for port, why in (
        (tmp_path / "none", "does not exist, plug the device in"),
        (tmp_path / "file", "is no serial port or cannot work with these settings"),
    ):
        with pytest.raises(DriverError, match=f"^ch: {port}: {why}"):
            driver(driver.Settings(port=str(port)), channel="ch").open()
    opened(name, wire)
    with pytest.raises(DriverError, match=f"^ch: {wire.port}: is in use, end the other program"):
        driver(driver.Settings(port=wire.port), channel="ch").open()
    closed = driver(driver.Settings(port=wire.port), channel="ch")
    with pytest.raises(DriverError, match="is not open"):
        use(closed)


def test_a_source_that_was_reopened_goes_on(wire, opened):
    gauge = opened("serial-lines", wire)
    wire.send(b"1\n12")
    assert values_of(gauge, 1) == [1.0]
    gauge.close()
    gauge.open()
    wire.send(b"3\n4\n")
    assert values_of(gauge, 1) == [4.0]


def test_a_line_is_a_part_that_was_there_when_its_first_byte_came(wire, opened):
    reader = opened("serial-trigger", wire)
    before_ns = time.monotonic_ns()
    wire.send(b"\x02LOT-")
    assert reader.wait(0.1) is None
    after_first_ns = time.monotonic_ns()
    wire.send(b"4711 A\x03\r\n")
    trigger = reader.wait(2.0)
    assert (trigger.station, trigger.part_id) == ("ch", "LOT-4711 A")
    assert before_ns - 1_000_000 <= trigger.t_ns <= after_first_ns


@pytest.mark.parametrize(
    ("settings", "lines", "ids"),
    [
        ({}, b"A1\rB2\rA1\r", ["A1", "B2", "A1"]),
        ({}, b"0104\x1d21AB\r", ["0104?21AB"]),
        ({}, b"A\xff1\r  \rB2\r", ["B2"]),
        ({"min_length": 3}, b"AB\rABC\r", ["ABC"]),
        ({"hold_off_s": 5.0}, b"A\rA\rB\rA\r", ["A", "B", "A"]),
        ({"pattern": r"^TAG (?P<part_id>[0-9A-F]{8})$"}, b"TAG 00C0FFEE\nBATTERY LOW\nTAG 12\n", ["00C0FFEE"]),
        ({"pattern": "^PART", "prefix": "bolt-"}, b"PART\nIDLE\nPART\n", ["bolt-000001", "bolt-000002"]),
    ],
)
def test_lines_become_parts_as_the_settings_say(wire, opened, settings, lines, ids):
    reader = opened("serial-trigger", wire, **settings)
    wire.send(lines)
    triggers = [reader.wait(2.0) for _ in ids]
    assert [trigger.part_id for trigger in triggers] == ids
    assert reader.wait(0.05) is None


def test_the_same_line_after_the_hold_off_is_another_part(wire, opened):
    reader = opened("serial-trigger", wire, hold_off_s=0.2, pattern="PART")
    for expected in ("part-000001", None, "part-000002"):
        wire.send(b"PART\n")
        trigger = reader.wait(0.1)
        assert (trigger and trigger.part_id) == expected
        if expected is None:
            assert reader.wait(0.4) is None
    assert reader.doubles == 1


def test_half_a_code_is_no_part(wire, caplog):
    driver = load_driver("serial-trigger")
    reader = driver(driver.Settings(port=wire.port), channel="ch")
    reader.open()
    wire.send(b"711\r4712\r")
    assert reader.wait(2.0).part_id == "4712"
    reader.close()


@pytest.mark.parametrize(
    ("template", "line"),
    [
        (None, b"part-7,fail,0.813\r\n"),
        ("\x02{outcome:>6}|{part_id}\x03\r", b"\x02  fail|part-7\x03\r"),
        ("{outcome}\n", b"fail\n"),
    ],
)
def test_a_verdict_arrives_as_the_template_says(wire, opened, template, line):
    sink = opened("serial-sink", wire, **({"template": template} if template else {}))
    sink.send(Decision("part-7", "fail", 0.8134))
    assert wire.received(line[-1:]) == line


def test_a_part_id_cannot_forge_a_line(wire, opened):
    sink = opened("serial-sink", wire)
    sink.send(Decision("x\r\n零件,pass", "review", float("nan")))
    assert wire.received() == b"x????,pass,review,nan\r\n"


def test_the_sink_opens_its_port_anew_for_the_next_verdict(wire, opened, tmp_path):
    link = tmp_path / "port"
    link.symlink_to(wire.port)
    sink = opened("serial-sink", wire, port=str(link))
    wire.unplug()
    with pytest.raises(DriverError, match="does not answer"):
        sink.send(Decision("part-1", "pass", 0.1))
    link.unlink()
    with pytest.raises(DriverError, match="does not exist"):
        sink.send(Decision("part-2", "pass", 0.1))
    again = Wire()
    link.symlink_to(again.port)
    sink.send(Decision("part-3", "pass", 0.1))
    assert again.received() == b"part-3,pass,0.100\r\n"
    again.close()


def test_a_device_that_takes_nothing_does_not_hold_the_line(wire, opened):
    sink = opened("serial-sink", wire, template="{outcome}" + "." * 60_000 + "\r\n")
    began_s = time.monotonic()
    with pytest.raises(DriverError, match="does not answer any more"):  # noqa: PT012  how much a port buffers is its own affair
        for _ in range(5):
            sink.send(Decision("part-1", "pass", 0.1))
    assert time.monotonic() - began_s < 3.0


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("serial-lines", {"pattern": "("}, "is no regular expression"),
        ("serial-lines", {"pattern": r"\d+"}, "must have one group"),
        ("serial-lines", {"pattern": r"(\d+) (\d+)"}, "must have one group"),
        ("serial-lines", {"parity": "E"}, "parity"),
        ("serial-lines", {"baud_rate": 0}, "baud_rate"),
        ("serial-trigger", {"pattern": "("}, "is no regular expression"),
        ("serial-trigger", {"pattern": r"(\d+)"}, "has a group but none named part_id"),
        ("serial-sink", {"template": "{outcome"}, "is no template"),
        ("serial-sink", {"template": "{outcome} {cause}\n"}, "has no field 'cause' to fill, use part_id, outcome, score"),
        ("serial-sink", {"template": "{outcome.__class__}\n"}, "has no field"),
        ("serial-sink", {"template": "{part_id}\n"}, "must hold {outcome}"),
        ("serial-sink", {"template": "{outcome}{score:d}\n"}, "cannot be filled"),
        ("serial-sink", {"template": "{outcome}{score:99999999}\n"}, "cannot be used"),
        ("serial-sink", {"template": "{outcome}"}, "must be one line with its end"),
        ("serial-sink", {"template": "a\n{outcome}\n"}, "must be one line with its end"),
        ("serial-sink", {"template": "判定 {outcome}\n"}, "must be ASCII"),
        ("serial-sink", {}, "port"),
    ],
)
def test_wrong_settings_are_told_before_anything_runs(name, settings, message):
    with pytest.raises(ValidationError, match=message):
        load_driver(name).Settings.model_validate(({"port": "/dev/ttyS0"} if settings else {}) | settings)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("serial-lines", {}),
        ("serial-lines", {"bytesize": 7, "parity": "even", "stopbits": 2}),
        ("serial-lines", {"baud_rate": 76_800}),
        ("serial-trigger", {}),
        ("serial-sink", {}),
        ("serial-sink", {"bytesize": 7, "parity": "odd"}),
    ],
)
def test_the_drivers_keep_their_promises(wire, name, settings):
    ended = threading.Event()

    def send():
        while not ended.wait(0.01):
            wire.send(b"12.5\r\n")

    sender = threading.Thread(target=send)
    sender.start()
    try:
        assert check_driver(load_driver(name), {"port": wire.port} | settings, unit="bar") == []
    finally:
        ended.set()
        sender.join()
