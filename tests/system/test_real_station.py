"""One station on real protocols: a GigE Vision camera, MQTT, Modbus TCP and OPC UA; each device is killed and comes back."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from inspector.align import align
from inspector.config import Station
from inspector.errors import DriverError
from stations.agent import Agent
from stations.protocols.aravis import aravis

UNIT = Path(__file__).parents[1] / "unit" / "stations"
MOSQUITTO = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
NAMESPACE = "nsu=http://example.org/press;s="
MODBUS_DEVICE = """
import asyncio, sys, time
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

async def act(_function, _start, _address, _count, registers, _values):
    registers[0] = int(time.monotonic() * 10) % 1000

async def main():
    device = SimDevice(1, simdata=[SimData(0, values=[0] * 20, datatype=DataType.REGISTERS)], action=act)
    print("ready", flush=True)
    await ModbusTcpServer(device, address=("127.0.0.1", int(sys.argv[1]))).serve_forever()

asyncio.run(main())
"""


def missing():
    packages = [name for name in ("paho.mqtt", "pymodbus", "asyncua") if find_spec(name.partition(".")[0]) is None]
    if packages or MOSQUITTO is None:
        return f"not installed: {', '.join(packages + ['mosquitto'] * (MOSQUITTO is None))}"
    try:
        aravis("test")
    except DriverError as error:
        return str(error)
    return None


pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Peer:
    """A device as a process, that can be killed and started again where it was."""

    def __init__(self, *command):
        self._command = command
        self._process = None
        self.start()

    def start(self):
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)

    def kill(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()


class Plant:
    """All devices, and a gateway that publishes a temperature ten times a second and a part every half second."""

    def __init__(self, folder):
        self.mqtt_port, self.modbus_port, opcua_port = free_port(), free_port(), free_port()
        conf = folder / "mosquitto.conf"
        conf.write_text(f"allow_anonymous true\nlistener {self.mqtt_port} 127.0.0.1\n" + ("user root\n" if os.geteuid() == 0 else ""))
        self.opcua_endpoint = f"opc.tcp://127.0.0.1:{opcua_port}/press"
        self.peers = {
            "camera": Peer(sys.executable, "-W", "ignore", UNIT / "fake_gige_camera.py", "FAKE1", "0", "1000000000"),
            "oil": Peer(MOSQUITTO, "-c", conf),
            "pressure": Peer(sys.executable, "-c", MODBUS_DEVICE, str(self.modbus_port)),
            "load": Peer(sys.executable, UNIT / "opcua_peer.py", json.dumps({"port": opcua_port, "series": 1})),
        }
        self._ended = threading.Event()
        self._gateway = threading.Thread(target=self._publish)
        self._gateway.start()

    def _publish(self):
        from paho.mqtt import publish

        for number in range(1_000_000):
            if self._ended.wait(0.1):
                return
            oil = json.dumps({"degc": 40 + number % 10, "at": time.time_ns()})
            messages = [{"topic": "press/oil", "payload": oil}]
            messages += [{"topic": "press/part", "payload": json.dumps({"id": f"p{number // 5}"})}] if number % 5 == 0 else []
            with contextlib.suppress(OSError):  # the broker is down
                publish.multiple(messages, hostname="127.0.0.1", port=self.mqtt_port)

    def close(self):
        self._ended.set()
        self._gateway.join()
        for peer in self.peers.values():
            peer.kill()


@pytest.fixture
def plant(tmp_path):
    with (Path(tempfile.gettempdir()) / f"fake-gige-camera-{os.getuid()}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # 127.0.0.1 has room for one such camera
        made = Plant(tmp_path)
        try:
            yield made
        finally:
            made.close()


def station_of(plant):
    mqtt = {"host": "127.0.0.1", "port": plant.mqtt_port}
    slow = {"window": {"pre_s": 0.6}, "max_age_ms": 400, "max_sync_error_ms": 300, "required": False}
    camera = {"address": "127.0.0.1", "packet_size": 1400, "trigger": "software"}
    return Station.model_validate(
        {
            "station": "real",
            "title": {"en": "Real", "zh": "真"},
            "deadline_ms": 1500,
            # The part's sensor is a serial line's stand-in: parts go on though the broker is down.
            "trigger": {"driver": "timer", "settings": {"interval_s": 0.4}},
            "channels": {
                "camera": {"modality": "image", "driver": "gige-camera", "settings": camera, "max_sync_error_ms": 400},
                "oil": {
                    "modality": "series",
                    "driver": "mqtt-series",
                    "settings": mqtt | {"topic": "press/oil", "value": "/degc", "time": "/at", "time_unit": "ns"},
                    "unit": "degC",
                    **slow,
                },
                "pressure": {
                    "modality": "series",
                    "driver": "modbus-series",
                    "settings": {"host": "127.0.0.1", "tcp_port": plant.modbus_port, "address": 0},
                    "unit": "bar",
                    **slow,
                },
                "load": {
                    "modality": "series",
                    "driver": "opcua-series",
                    "settings": {"endpoint": plant.opcua_endpoint, "node": f"{NAMESPACE}s0"},
                    "unit": "%",
                    **slow,
                },
            },
        }
    )


class Watch:
    """Parts as they come, aligned."""

    def __init__(self, agent):
        self.agent, self.parts = agent, []
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self):
        for capture in self.agent.captures():
            self.parts.append((time.monotonic(), align(capture, self.agent.station)))

    def wait_for(self, condition, timeout_s):
        """Return after how long a part for which `condition` holds came; None where none did."""
        start_s = time.monotonic()
        while time.monotonic() - start_s < timeout_s:
            for at_s, record in self.parts[-3:]:
                if at_s > start_s and condition(record):
                    return at_s - start_s
            time.sleep(0.05)
        return None

    def stop(self):
        self.agent.stop()
        self._thread.join()


def test_each_device_is_killed_and_comes_back_while_the_others_go_on(plant):
    station = station_of(plant)
    with Agent(station) as agent:
        watch = Watch(agent)
        try:
            assert watch.wait_for(lambda record: not record.degraded, 40) is not None, watch.parts[-1][1].degraded
            assert {"drift_ppm", "uncertainty_ms", "epoch"} <= agent.health()["oil"]["clock"].keys()
            for name, peer in plant.peers.items():
                before = len(watch.parts)
                peer.kill()
                named = watch.wait_for(lambda record: name in record.degraded, 20)  # noqa: B023
                assert named is not None, f"{name} was killed and never named"
                peer.start()
                back = watch.wait_for(lambda record: not record.degraded, 40)
                assert back is not None, f"{name} did not come back: {watch.parts[-1][1].degraded}"
                others = {other for _, record in watch.parts[before:] for other in record.degraded} - {name}
                assert not others, f"{name} took others down: {others}"
                print(f"{name}: named in a part after {named:.1f} s, whole again after {back:.1f} s")
        finally:
            watch.stop()


def test_parts_come_by_mqtt_and_fire_the_camera(plant):
    content = station_of(plant).model_dump(exclude_unset=True)
    mqtt = {"host": "127.0.0.1", "port": plant.mqtt_port, "topic": "press/part", "part_id": "/id"}
    content["trigger"] = {"driver": "mqtt-trigger", "settings": mqtt}
    station = Station.model_validate(content)
    end_s = time.monotonic() + 60
    with Agent(station) as agent:
        whole = []
        for capture in agent.captures():
            record = align(capture, station)
            whole += [record] * (not record.degraded)
            if len(whole) == 5 or time.monotonic() > end_s:
                break
    assert len(whole) == 5, record.degraded
    assert len({record.trigger.part_id for record in whole}) == 5
    for record in whole:
        assert record.sync_error_ns["camera"] <= 400e6
        assert record.sync_error_ns["oil"] <= 300e6
