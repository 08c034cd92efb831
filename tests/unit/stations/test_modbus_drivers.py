"""Modbus drivers against a real server, over TCP and over a serial line."""

import asyncio
import logging
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st
from pydantic import ValidationError

from inspector.errors import DriverError
from inspector.parts import Decision
from inspector.plugins import load_driver
from inspector.testing import check_driver
from stations.devices import Device
from stations.protocols.modbus_values import decode, decode_text, encode, encode_text

pytest.importorskip("pymodbus", reason="needs pymodbus: pip install 'line-inspector[modbus]'")
from pymodbus.client import ModbusTcpClient
from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

FUNCTIONS = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
WRITES = (5, 6, 15, 16)


class Plc:
    """A Modbus server with devices 1 and 2; registers 0 to 99, and 200 to 209, and bits 0 to 63 of each kind.

    Attributes:
        requests: function, address and count of each request, as they came.
        delay_s: how long it takes over each answer.
        on_request: called before each answer with function and address.
        refuse: returns with which exception code a request of so many values is refused, or None.
    """

    def __init__(self, port=0, serial=None):
        self.port = port
        self._serial = serial
        self.requests = []
        self.delay_s = 0.0
        self.on_request = lambda _function, _address: None
        self.refuse = lambda _count: None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._ready.wait(10)

    async def _serve(self):
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        devices = [self._device(1), self._device(2)]
        if self._serial:
            self._server = ModbusSerialServer(
                devices, port=self._serial, baudrate=115_200, framer=FramerType.RTU, ignore_missing_devices=True
            )
        else:
            self._server = ModbusTcpServer(devices, address=("127.0.0.1", self.port), ignore_missing_devices=True)
        await self._server.serve_forever(background=True)
        if not self._serial:
            self.port = self._server.transport.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ended.wait()
        await self._server.shutdown()
        end_s = time.monotonic() + 5
        while len(self._loop._selector.get_map()) > 1 and time.monotonic() < end_s:  # a connection is still being closed
            await asyncio.sleep(0.01)

    def _device(self, number):
        bits = [SimData(0, values=[False] * 64, datatype=DataType.BITS)]
        registers = [SimData(first, values=[0] * count, datatype=DataType.REGISTERS) for first, count in ((0, 100), (200, 10))]
        return SimDevice(number, simdata=(bits, bits, registers, registers), action=self._note)

    async def _note(self, function, _start, address, count, _registers, values):
        if threading.current_thread() is not self._thread or not self._is_told:
            self.requests.append((function, address, count))
            self.on_request(function, address)
            if self.delay_s or self._one_at_a_time.locked():  # a device has one hand: what comes meanwhile waits
                async with self._one_at_a_time:
                    await asyncio.sleep(self.delay_s)
            return self.refuse(count)
        return None

    _is_told = False

    def put(self, kind, address, *values, device=1):
        asyncio.run_coroutine_threadsafe(
            self._quietly("async_setValues", device, FUNCTIONS[kind], address, list(values)), self._loop
        ).result(5)

    def get(self, kind, address, count=1, device=1):
        return asyncio.run_coroutine_threadsafe(
            self._quietly("async_getValues", device, FUNCTIONS[kind], address, count), self._loop
        ).result(5)

    async def _quietly(self, name, *args):
        self._is_told = True
        try:
            return await getattr(self._server.context, name)(*args)
        finally:
            self._is_told = False

    def put_directly(self, address, value):
        """Set a holding register of device 1 from within `on_request`."""
        self._server.context.devices[1].block["h"][2][address] = value

    def close(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(10)


@pytest.fixture
def plc():
    plc = Plc()
    yield plc
    plc.close()


@pytest.fixture
def made():
    """Make drivers; all are closed at the end."""
    drivers = []

    def make(name, plc, channel="ch", unit="", **settings):
        kind = load_driver(name)
        line = {"host": "127.0.0.1", "tcp_port": plc.port} if isinstance(plc, Plc) else plc
        drivers.append(kind(kind.Settings.model_validate(line | settings), channel=channel, unit=unit))
        return drivers[-1]

    yield make
    for driver in drivers:
        driver.close()


def eventually(condition, limit_s=10.0):
    end_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end_s, "it did not come to be"
        time.sleep(0.005)


def values_of(series, count=1):
    values = []
    while len(values) < count:
        block = series.read(2.0)
        assert block is not None
        values += block.values.tolist()
    return values


# --- values


def words(data, word_order, byte_order):
    registers = [int.from_bytes(data[k : k + 2], byte_order) for k in range(0, len(data), 2)]
    return registers if word_order == "big" else registers[::-1]


ORDERS = st.sampled_from(["big", "little"])


@how(deadline=None)
@given(
    st.sampled_from([("u16", ">H"), ("i16", ">h"), ("u32", ">I"), ("i32", ">i"), ("f32", ">f"), ("f64", ">d")]), st.data(), ORDERS, ORDERS
)
def test_values_are_read_in_any_order_of_words_and_bytes(data_type, data, word_order, byte_order):
    name, code = data_type
    raw = data.draw(st.binary(min_size=struct.calcsize(code), max_size=struct.calcsize(code)))
    np.testing.assert_equal(decode(words(raw, word_order, byte_order), name, word_order, byte_order), struct.unpack(code, raw)[0])


@how(deadline=None)
@given(st.sampled_from([("u16", 0xFFFF), ("u32", 0xFFFF_FFFF)]), st.data(), ORDERS, ORDERS)
def test_whole_numbers_come_back_as_they_were_written(data_type, data, word_order, byte_order):
    name, largest = data_type
    value = data.draw(st.integers(0, largest))
    assert decode(encode(value, name, word_order, byte_order), name, word_order, byte_order) == value


@how(deadline=None)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20), ORDERS)
def test_text_comes_back_as_it_was_written_as_far_as_it_fits(text, byte_order):
    assert decode_text(encode_text(text, 6, byte_order), byte_order) == text[:12]


# --- series


@pytest.mark.parametrize(
    ("settings", "kind", "registers", "value"),
    [
        ({}, "holding", [1234], 1234.0),
        ({"data_type": "i16", "scale": 0.1, "offset": -5.0}, "holding", [0xFFF6], -6.0),
        ({"kind": "input", "data_type": "f32"}, "input", [0x41A4, 0x0000], 20.5),
        ({"kind": "input", "data_type": "f32", "word_order": "little"}, "input", [0x0000, 0x41A4], 20.5),
        ({"data_type": "f64"}, "holding", [0x4034, 0x8000, 0, 0], 20.5),
        ({"data_type": "u32", "word_order": "little", "byte_order": "little"}, "holding", [0x7856, 0x3412], 0x12345678),
        ({"data_type": "i16", "missing": -32768}, "holding", [0x8000], float("nan")),
        ({"data_type": "f32"}, "holding", [0x7F80, 0], float("nan")),
        ({"kind": "coil"}, "coil", [True], 1.0),
        ({"kind": "discrete"}, "discrete", [False], 0.0),
    ],
)
def test_a_value_is_read_as_the_device_keeps_it(plc, made, settings, kind, registers, value):
    plc.put(kind, 17, *registers)
    series = made("modbus-series", plc, unit="degC", address=17, **settings)
    series.open()
    before_ns = time.monotonic_ns()
    block = series.read(1.0)
    np.testing.assert_allclose(block.values, [value])
    assert block.unit == "degC"
    assert before_ns <= block.t_ns[0] <= time.monotonic_ns()


def test_neighbours_come_in_one_request(plc, made):
    channels = [made("modbus-series", plc, f"c{k}", address=address, interval_s=0.2) for k, address in enumerate((0, 1, 2, 8, 40))]
    for k, channel in enumerate(channels):
        plc.put("holding", channel.settings.address, k)
        channel.open()
    alone = len(plc.requests)
    assert alone == len(channels)
    read = {}
    threads = [
        threading.Thread(target=lambda c=channel: read.setdefault(c.channel, [c.read(2.0) for _ in range(6)])) for channel in channels
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: [float(block.values[0]) for block in blocks] for name, blocks in read.items()} == {
        f"c{k}": [float(k)] * 6 for k in range(5)
    }
    asked = plc.requests[alone:]
    assert set(asked) == {(3, 0, 9), (3, 40, 1)}  # 3 to 7 are read along, 9 to 39 are not
    assert len(asked) < 24  # 12, and a few where this computer was busy; each by itself would be 30
    for blocks in read.values():
        assert np.all(np.diff([block.t_ns[0] for block in blocks]) > 0)


def test_a_gap_that_the_device_has_not_is_not_read_along(plc, made):
    first, second = (made("modbus-series", plc, f"c{k}", address=address) for k, address in enumerate((96, 200)))
    plc.put("holding", 99, 9)
    plc.put("holding", 200, 20)
    wide = made("modbus-series", plc, "wide", address=99)
    for channel in (first, wide, second):
        channel.open()
    assert values_of(first) + values_of(wide) + values_of(second) == [0.0, 9.0, 20.0]


def test_a_wrong_address_is_its_own_channels_matter(plc, made):
    good = made("modbus-series", plc, "good", address=99)
    bad = made("modbus-series", plc, "bad", address=99, data_type="f32")
    good.open()
    with pytest.raises(
        DriverError,
        match=rf"^bad: 127.0.0.1:{plc.port}: device 1 has no holding registers 99 to 100 \(illegal data address\), correct address",
    ):
        bad.open()
    assert values_of(good, 3) == [0.0] * 3


def test_an_old_value_is_never_served_as_new(plc, made):
    first, second = (made("modbus-series", plc, name, address=5, interval_s=0.05) for name in "ab")
    count = 0

    def count_up(function, address):
        nonlocal count
        count += 1
        plc.put_directly(5, count)

    plc.on_request = count_up
    first.open()
    second.open()
    for channel in (first, second):
        values = values_of(channel, 5)
        assert len(set(values)) == 5
        assert values == sorted(values)


def test_a_device_that_does_not_answer_is_one_error_for_all_its_channels(plc, made):
    channels = [made("modbus-series", plc, f"c{k}", address=k, interval_s=0.01, timeout_s=0.3) for k in range(8)]
    for channel in channels:
        channel.open()
    plc.delay_s = 1.0
    errors = []

    def read(channel):
        try:
            while True:
                channel.read(1.0)
        except DriverError as error:
            errors.append(str(error))

    began_s = time.monotonic()
    threads = [threading.Thread(target=read, args=(channel,)) for channel in channels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began_s < 2.0
    assert sorted(error[:2] for error in errors) == [f"c{k}" for k in range(8)]
    assert all("device 1 does not answer within 0.3 s" in error for error in errors)


def test_a_device_that_reads_nothing_together_is_read_apart(plc, made):
    plc.refuse = lambda count: ExcCodes.ILLEGAL_ADDRESS if count > 1 else None
    channels = [made("modbus-series", plc, f"c{k}", address=address) for k, address in enumerate((0, 1, 3))]
    for channel in channels:
        plc.put("holding", channel.settings.address, 10 + channel.settings.address)
        channel.open()
    assert [values_of(channel) for channel in channels] == [[10.0], [11.0], [13.0]]
    assert [count for _, _, count in plc.requests if count > 1] == [4, 2]  # with its gap, then without, then never again


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "device 1 does not know holding registers (illegal function), correct the kind of register"),
        (2, "device 1 has no holding register 0 (illegal data address), correct address, counted from 0"),
        (3, "device 1 refuses holding register 0 (illegal data value)"),
        (4, "device 1 could not serve holding register 0 (device failure), correct device_id"),
        (6, "device 1 is too busy for holding register 0 (device busy), ask less often"),
        (8, "device 1 refuses holding register 0 (exception code 8), see its manual"),
        (10, "the gateway has no way to device 1 (path unavailable)"),
        (11, "device 1 does not answer the gateway (no response)"),
    ],
)
def test_a_refusal_is_told_in_words(plc, made, code, words):
    plc.refuse = lambda _count: ExcCodes(code)
    with pytest.raises(DriverError, match=re.escape(f"ch: 127.0.0.1:{plc.port}: {words}")):
        made("modbus-series", plc, address=0).open()


def test_a_wrong_device_id_is_named(plc, made):
    with pytest.raises(DriverError, match=r"device 9 could not serve holding register 0 \(device failure\), correct device_id"):
        made("modbus-series", plc, address=0, device_id=9, timeout_s=0.2).open()


def test_what_is_not_there_is_said_in_words(made):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        for name, settings in (
            ("modbus-series", {"address": 0}),
            ("modbus-trigger", {"address": 0}),
            ("modbus-sink", {"outcome_register": 0, "sequence_register": 1}),
        ):
            driver = made(name, {"host": "127.0.0.1", "tcp_port": port}, **settings)
            with pytest.raises(DriverError, match=f"^ch: 127.0.0.1:{port}: refuses the connection, start the device's Modbus server"):
                driver.open()
            with pytest.raises(DriverError, match="is not open, call open"):
                use(driver)
    with pytest.raises(DriverError, match="is no known name, correct host"):
        made("modbus-series", {"host": "no-such-host.invalid"}, address=0).open()


def use(driver):
    if hasattr(driver, "send"):
        driver.send(Decision("part-1", "pass", 0.1))
    else:
        (driver.wait if hasattr(driver, "wait") else driver.read)(1.0)


def test_a_server_that_was_away_is_found_again(plc, made):
    series = made("modbus-series", plc, address=3, interval_s=0.02)
    sink = made("modbus-sink", plc, outcome_register=10, sequence_register=11)
    series.open()
    sink.open()
    assert values_of(series, 2) == [0.0, 0.0]
    plc.close()
    with pytest.raises(DriverError):
        values_of(series, 20)
    series.close()
    with pytest.raises(DriverError, match="refuses the connection"):
        series.open()
    with pytest.raises(DriverError, match="refuses the connection"):
        sink.send(Decision("part-1", "pass", 0.1))
    again = Plc(port=plc.port)
    try:
        again.put("holding", 3, 33)
        series.open()
        assert values_of(series) == [33.0]
        sink.send(Decision("part-2", "fail", 0.9))
        assert again.get("holding", 10, 2) == [2, 1]
    finally:
        series.close()
        sink.close()
        again.close()


SERVER = """
import asyncio, sys
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
async def main():
    server = ModbusTcpServer(SimDevice(1, simdata=[SimData(0, values=[0] * 50, datatype=DataType.REGISTERS)]), address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    print(server.transport.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def test_a_device_that_falls_silent_is_noticed_by_all_and_told_nothing_late(made):
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        try:
            line = {"host": "127.0.0.1", "tcp_port": int(server.stdout.readline())}
            series = made("modbus-series", line, "s", address=0, interval_s=0.02, timeout_s=0.2)
            trigger = made("modbus-trigger", line, "t", kind="holding", signal="counter", address=1, timeout_s=0.2)
            sink = made("modbus-sink", line, "v", outcome_register=2, sequence_register=3, timeout_s=0.2)
            for driver in (series, trigger, sink):
                driver.open()
            os.kill(server.pid, signal.SIGSTOP)  # as a cut cable: the connection stands, nothing comes
            for driver in (series, trigger, sink):
                began_s = time.monotonic()
                with pytest.raises(DriverError, match="does not answer"):  # noqa: PT012  what was on its way may still be read
                    for _ in range(5):
                        use(driver)
                assert time.monotonic() - began_s < 2.0
            os.kill(server.pid, signal.SIGCONT)
            time.sleep(0.2)
            with ModbusTcpClient("127.0.0.1", port=line["tcp_port"]) as client:
                assert client.read_holding_registers(3, count=1).registers == [0]
            sink.send(Decision("part-2", "fail", 0.9))
            with ModbusTcpClient("127.0.0.1", port=line["tcp_port"]) as client:
                assert client.read_holding_registers(2, count=2).registers == [2, 1]
        finally:
            server.kill()


def test_a_station_sees_a_device_go_and_come_back(plc, made):
    channels = [made("modbus-series", plc, f"c{k}", address=k, interval_s=0.05, timeout_s=0.3) for k in range(16)]
    devices = [Device(channel) for channel in channels]
    ended = threading.Event()

    def keep_reading(device):
        while not ended.is_set():
            device.poll(0.2)
        device.close()

    threads = [threading.Thread(target=keep_reading, args=(device,)) for device in devices]
    for thread in threads:
        thread.start()
    again = None
    try:
        eventually(lambda: len(plc.requests) > 40)
        assert [device.lost for device in devices] == [None] * 16
        plc.close()
        eventually(lambda: all(device.lost for device in devices), 2.0)
        again = Plc(port=plc.port)
        eventually(lambda: not any(device.lost for device in devices), 10.0)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
        if again is not None:
            again.close()


# --- trigger


def look(trigger, limit_s=0.1):
    """Let the trigger look at the device a few times; return what it found."""
    return trigger.wait(limit_s)


@pytest.mark.parametrize(
    ("settings", "states"),
    [
        ({"kind": "discrete"}, (0, 1)),
        ({"kind": "coil", "signal": "falling"}, (1, 0)),
        ({"kind": "holding", "bit": 3}, (0b0111, 0b1000)),
        ({"kind": "input", "bit": 0, "signal": "falling"}, (0xFFFF, 0xFFFE)),
    ],
)
def test_an_edge_is_a_part_that_came_between_two_looks(plc, made, settings, states):
    kind = settings["kind"]

    def put(state):
        plc.put(kind, 7, bool(state) if kind in ("coil", "discrete") else state)

    trigger = made("modbus-trigger", plc, address=7, interval_ms=5, **settings)
    put(states[0])
    trigger.open()
    assert look(trigger) is None
    for number in (1, 2):
        before_ns = time.monotonic_ns()
        put(states[1])
        after_ns = time.monotonic_ns()
        found = look(trigger, 2.0)
        assert (found.station, found.part_id) == ("ch", f"part-00000{number}")
        assert before_ns - 50_000_000 <= found.t_ns <= after_ns + 50_000_000
        assert look(trigger) is None
        put(states[0])
        assert look(trigger) is None


def test_what_is_on_when_opened_is_no_part(plc, made):
    plc.put("discrete", 0, True)
    trigger = made("modbus-trigger", plc, address=0)
    trigger.open()
    assert look(trigger) is None
    trigger.close()
    trigger.open()
    assert look(trigger) is None


@pytest.mark.parametrize(
    ("settings", "registers", "part_id"),
    [
        ({"part_id_type": "u16", "prefix": ""}, [4711], "4711"),
        ({"part_id_type": "u16", "prefix": "n"}, [4711], "n4711"),
        ({"part_id_type": "u32", "word_order": "little"}, [0x0002, 0x0001], "part-65538"),
        ({"part_id_type": "ascii", "part_id_registers": 4}, [0x4C4F, 0x542D, 0x3700, 0x4242], "LOT-7"),
        ({"part_id_type": "ascii", "part_id_registers": 2}, [0, 0], "part-000001"),
    ],
)
def test_the_part_brings_its_id(plc, made, settings, registers, part_id):
    trigger = made("modbus-trigger", plc, address=0, part_id_address=20, **settings)
    trigger.open()
    assert look(trigger) is None
    plc.put("holding", 20, *registers)
    plc.put("discrete", 0, True)
    assert look(trigger, 2.0).part_id == part_id


def test_a_counter_tells_what_was_missed(plc, made, caplog):
    plc.put("holding", 0, 65534)
    trigger = made("modbus-trigger", plc, kind="holding", signal="counter", address=0, acknowledge_kind="holding", acknowledge_address=1)
    trigger.open()
    assert look(trigger) is None
    for count, missed in ((65535, 0), (0, 0), (3, 2), (4, 2)):
        plc.put("holding", 0, count)
        assert look(trigger, 2.0) is not None
        assert trigger.missed == missed
        assert look(trigger) is None
        assert plc.get("holding", 1) == [count]
    assert "2 parts went by without a trigger" in caplog.text
    trigger.close()
    plc.put("holding", 0, 9)
    trigger.open()
    assert look(trigger) is None
    assert trigger.missed == 7
    assert plc.get("holding", 1) == [4]
    plc.put("holding", 0, 0)
    assert look(trigger) is None
    assert "went back from 9 to 0" in caplog.text
    plc.put("holding", 0, 1)
    assert look(trigger, 2.0) is not None
    assert trigger.missed == 7


def test_a_taken_part_is_acknowledged_until_its_bit_goes_back(plc, made):
    plc.put("discrete", 0, True)
    trigger = made("modbus-trigger", plc, address=0, acknowledge_address=30)
    trigger.open()
    assert look(trigger) is None
    assert plc.get("coil", 30) == [False]  # nobody took that one
    plc.put("discrete", 0, False)
    assert look(trigger) is None
    plc.put("discrete", 0, True)
    assert look(trigger, 2.0) is not None
    assert look(trigger) is None
    assert plc.get("coil", 30) == [True]
    plc.put("discrete", 0, False)
    assert look(trigger) is None
    assert plc.get("coil", 30) == [False]


# --- sink


def test_a_verdict_is_in_the_registers_and_its_number_comes_last(plc, made):
    plc.put("holding", 15, 65535)
    sink = made(
        "modbus-sink",
        plc,
        outcome_register=10,
        score_register=11,
        kind_register=12,
        kind_codes={"scratch": 7},
        part_id_register=20,
        part_id_registers=3,
        sequence_register=15,
        pass_coil=0,
        fail_coil=1,
        review_coil=2,
    )
    sink.open()
    for decision, registers, coils in (
        (Decision("LOT-77", "fail", 0.8134, kind="scratch"), [2, 813, 7, 0, 0, 1], [False, True, False]),
        (Decision("LOT-78", "pass", 0.01), [1, 10, 0, 0, 0, 2], [True, False, False]),
        (Decision("LOT-79", "review", float("nan"), inspected=False), [4, 65535, 0, 0, 0, 3], [False, False, True]),
        (Decision("LOT-80", "fail", 2e9, kind="dent"), [2, 65534, 65535, 0, 0, 4], [False, True, False]),
    ):
        plc.requests.clear()
        sink.send(decision)
        assert plc.get("holding", 10, 6) == registers
        assert plc.get("coil", 0, 3) == coils
        assert decode_text(plc.get("holding", 20, 3)) == decision.part_id
        assert [function for function, _, _ in plc.requests][-2:] == [15, 16]
        assert plc.requests[-1] == (16, 15, 1)


@pytest.mark.parametrize(
    ("settings", "part_id", "registers"),
    [
        ({"part_id_type": "u16"}, "part-004711", [4711]),
        ({"part_id_type": "u32", "word_order": "little"}, "A65538", [2, 1]),
        ({"part_id_type": "u16"}, "no number", [0]),
        ({"part_id_registers": 2}, "ABCDEF", [0x4142, 0x4344]),
    ],
)
def test_the_part_id_is_told_back(plc, made, settings, part_id, registers):
    sink = made("modbus-sink", plc, outcome_register=0, sequence_register=1, part_id_register=20, **settings)
    sink.open()
    sink.send(Decision(part_id, "pass", 0.1))
    assert plc.get("holding", 20, len(registers)) == registers


def test_a_pulse_ends_by_itself_and_two_are_never_on_at_once(plc, made):
    sink = made("modbus-sink", plc, pass_coil=0, fail_coil=5, pulse_ms=100)
    sink.open()
    sink.send(Decision("part-1", "pass", 0.1))
    assert plc.get("coil", 0, 6) == [True, False, False, False, False, False]
    sink.send(Decision("part-2", "fail", 0.9))
    assert plc.get("coil", 0, 6) == [False, False, False, False, False, True]
    offs = [address for function, address, _ in plc.requests if function in WRITES]
    assert offs[-4:] == [0, 5, 0, 5]  # off, off, then the one that stays off, then the one that goes on
    eventually(lambda: plc.get("coil", 0, 6) == [False] * 6)
    sink.send(Decision("part-3", "pass", 0.1))
    sink.close()
    assert plc.get("coil", 0, 6) == [False] * 6


def test_no_pulse_is_ended_that_never_began(plc, made):
    sink = made("modbus-sink", plc, pass_coil=0, pulse_ms=10)
    sink.open()
    sink.close()
    with pytest.raises(DriverError, match="is not open"):
        sink.send(Decision("part-1", "pass", 0.1))
    assert not any(isinstance(thread, threading.Timer) for thread in threading.enumerate())


def test_coils_go_off_when_a_device_is_back(plc, made, caplog):
    sink = made("modbus-sink", plc, pass_coil=0, pulse_ms=50, timeout_s=0.1)
    sink.open()
    sink.send(Decision("part-1", "pass", 0.1))
    plc.delay_s = 0.3
    eventually(lambda: "the coils are still on" in caplog.text)
    assert plc.get("coil", 0) == [True]
    plc.delay_s = 0.0
    eventually(lambda: plc.get("coil", 0) == [False])


def test_a_slow_device_does_not_hold_the_line(plc, made):
    sink = made("modbus-sink", plc, outcome_register=0, sequence_register=1, timeout_s=0.2)
    sink.open()
    plc.delay_s = 0.15
    began_s = time.monotonic()
    with pytest.raises(DriverError, match=r"does not answer|kept busy"):
        sink.send(Decision("part-1", "pass", 0.1))
    assert time.monotonic() - began_s < 0.7
    plc.delay_s = 0.0
    sink.send(Decision("part-2", "fail", 0.9))
    assert plc.get("holding", 0) == [2]


def test_a_sink_goes_on_over_a_connection_that_was_closed_while_idle(plc, made):
    sink = made("modbus-sink", plc, outcome_register=0, sequence_register=1)
    sink.open()
    plc.close()
    again = Plc(port=plc.port)
    try:
        sink.send(Decision("part-1", "pass", 0.1))
        assert again.get("holding", 0, 2) == [1, 1]
    finally:
        sink.close()
        again.close()


# --- a serial line


@pytest.fixture
def bus(tmp_path):
    """Two joined serial ports, `plug()` and `unplug()`; a server is to be put at `far`."""
    if shutil.which("socat") is None:
        pytest.skip("needs socat: apt install socat")

    class Bus:
        def __init__(self):
            self.near, self.far = tmp_path / "near", tmp_path / "far"
            self.line = {"serial": {"port": str(self.near), "baud_rate": 115_200}}
            self.cable = None

        def plug(self):
            self.cable = subprocess.Popen(["socat", f"pty,raw,echo=0,link={self.near}", f"pty,raw,echo=0,link={self.far}"])
            eventually(lambda: self.near.exists() and self.far.exists())

        def unplug(self):
            if self.cable is not None:
                self.cable.kill()
                self.cable.wait()
                self.cable = None
            for link in (self.near, self.far):
                link.unlink(missing_ok=True)

    bus = Bus()
    bus.plug()
    yield bus
    bus.unplug()


def test_all_three_drivers_share_a_serial_line(bus, made):
    plc = Plc(serial=str(bus.far))
    try:
        plc.put("input", 4, 0x41A4, 0, device=2)
        series = made("modbus-series", bus.line, "s", device_id=2, kind="input", data_type="f32", address=4, interval_s=0.02)
        trigger = made("modbus-trigger", bus.line, "t", kind="discrete", address=3)
        sink = made("modbus-sink", bus.line, "v", outcome_register=0, sequence_register=1)
        for driver in (series, trigger, sink):
            driver.open()
        ended = threading.Event()
        values = []

        def read():
            while not ended.is_set():
                values.append(series.read(1.0).values[0])

        reader = threading.Thread(target=read)
        reader.start()
        assert look(trigger) is None
        for number in range(1, 6):
            plc.put("discrete", 3, True)
            assert look(trigger, 2.0).part_id == f"part-00000{number}"
            sink.send(Decision("part", "pass", 0.1))
            plc.put("discrete", 3, False)
            assert look(trigger) is None
        ended.set()
        reader.join()
        assert plc.get("holding", 0, 2) == [1, 5]
        assert set(values) == {20.5}
    finally:
        plc.close()


@pytest.mark.parametrize("tries", [1, 2])
def test_a_late_answer_on_a_serial_line_is_not_taken_for_the_next(bus, made, tries):
    plc = Plc(serial=str(bus.far))
    try:
        plc.put("holding", 0, 100)
        plc.put("holding", 50, 150)
        first, second = (
            made("modbus-series", bus.line, f"c{k}", address=50 * k, timeout_s=0.3, interval_s=0.02, tries=tries) for k in range(2)
        )
        for channel in (first, second):
            channel.open()
        delays = iter([0.45])

        def delay(function, address):
            plc.delay_s = next(delays, 0.0)

        plc.on_request = delay
        if tries == 1:
            with pytest.raises(DriverError, match=r"does not answer within 0.3 s"):
                first.read(1.0)
        else:
            assert values_of(first) == [100.0]
        assert values_of(second) == [150.0]
        assert values_of(first) == [100.0]
    finally:
        plc.close()


def test_a_serial_line_that_was_unplugged_comes_back(bus, made):
    plc = Plc(serial=str(bus.far))
    series = made("modbus-series", bus.line, address=0, interval_s=0.02)
    try:
        series.open()
        assert values_of(series) == [0.0]
        bus.unplug()
        began_s = time.monotonic()
        with pytest.raises(DriverError, match=rf"{bus.near}: the connection broke|{bus.near}: device 1 does not answer"):
            values_of(series, 20)
        assert time.monotonic() - began_s < 2.0
        series.close()
        with pytest.raises(DriverError, match=rf"{bus.near}: does not exist, plug the device in"):
            series.open()
    finally:
        plc.close()
    bus.plug()
    plc = Plc(serial=str(bus.far))
    try:
        plc.put("holding", 0, 5)
        series.open()
        assert values_of(series) == [5.0]
    finally:
        series.close()
        plc.close()


def test_a_wrong_framer_on_a_serial_line_is_named(bus, made):
    plc = Plc(serial=str(bus.far))
    try:
        with pytest.raises(DriverError, match=r"does not answer within 0.2 s .* device_id, baud_rate, parity and framer"):
            made("modbus-series", bus.line, address=0, timeout_s=0.2, framer="ascii").open()
    finally:
        plc.close()


# --- settings and promises


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("modbus-series", {"address": 0}, "give either host"),
        ("modbus-series", {"host": "plc", "serial": {"port": "/dev/ttyS0"}, "address": 0}, "give either host"),
        ("modbus-series", {"serial": {"port": "/dev/ttyS0"}, "framer": "tcp", "address": 0}, "framer"),
        ("modbus-series", {"host": "plc", "address": 65535, "data_type": "f32"}, "beyond register 65535"),
        ("modbus-series", {"host": "plc", "address": -1}, "address"),
        ("modbus-series", {"host": "plc", "address": 0, "data_type": "u8"}, "data_type"),
        ("modbus-trigger", {"host": "plc", "address": 0, "signal": "counter"}, "a counter is in a holding or input register"),
        ("modbus-trigger", {"host": "plc", "address": 0, "kind": "holding"}, "bit: must say which one"),
        ("modbus-trigger", {"host": "plc", "address": 0, "bit": 1}, "bit: must say which one"),
        (
            "modbus-trigger",
            {"host": "plc", "address": 0, "kind": "input", "signal": "counter", "acknowledge_address": 1},
            "acknowledged in a holding register",
        ),
        ("modbus-sink", {"host": "plc", "sequence_register": 1}, "give the outcome a place"),
        ("modbus-sink", {"host": "plc", "outcome_register": 1}, "give sequence_register"),
        ("modbus-sink", {"host": "plc", "outcome_register": 1, "sequence_register": 1}, "register 1 is given twice"),
        (
            "modbus-sink",
            {"host": "plc", "outcome_register": 5, "sequence_register": 9, "part_id_register": 2},
            "register 5 is given twice",
        ),
        ("modbus-sink", {"host": "plc", "pass_coil": 1, "fail_coil": 1, "pulse_ms": 50}, "two are the same"),
    ],
)
def test_wrong_modbus_settings_are_told_before_anything_runs(name, settings, message):
    with pytest.raises(ValidationError, match=message):
        load_driver(name).Settings.model_validate(settings)


def test_the_modbus_drivers_keep_their_promises(plc):
    line = {"host": "127.0.0.1", "tcp_port": plc.port}
    count = 0

    def count_up(function, address):
        nonlocal count
        count += 1
        plc.put_directly(9, count // 3)

    plc.on_request = count_up
    assert check_driver(load_driver("modbus-series"), line | {"address": 3, "interval_s": 0.02}, unit="bar") == []
    assert check_driver(load_driver("modbus-trigger"), line | {"address": 9, "kind": "holding", "signal": "counter"}) == []
    assert check_driver(load_driver("modbus-sink"), line | {"outcome_register": 0, "sequence_register": 1}) == []


def test_without_the_package_one_line_says_what_to_install(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "pymodbus.client", None)
    monkeypatch.setitem(sys.modules, "pymodbus.exceptions", None)
    with pytest.raises(DriverError, match=r"^ch: needs the package pymodbus: pip install 'line-inspector\[modbus\]'$"):
        made("modbus-series", {"host": "127.0.0.1"}, address=0).open()


logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
