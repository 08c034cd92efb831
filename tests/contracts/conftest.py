"""Peers of the drivers, real ones, for the contract of every driver."""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import tty
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest
import soundfile
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    (folder / "pictures").mkdir()
    for k in range(30):
        cv2.imwrite(str(folder / "pictures" / f"{k:03d}.png"), np.full((8, 10), k, np.uint8))
    soundfile.write(folder / "s.wav", np.zeros(32_000, np.float32), 8000)
    pd.DataFrame({"t_s": np.arange(400) / 100, "x": np.arange(400)}).to_csv(folder / "t.csv", index=False)
    with av.open(str(folder / "v.mkv"), "w") as container:
        pictures = container.add_stream("mpeg4", rate=20)
        pictures.width, pictures.height, pictures.pix_fmt = 32, 32, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        for _ in range(40):
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        for first in range(0, 16_000, 1000):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1000), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 8000, first
            container.mux(sound.encode(frame))
        container.mux(pictures.encode(None))
    return folder


@pytest.fixture
def wired_port():
    """A serial port whose other end sends a line every 10 ms."""
    device, port = os.openpty()
    tty.setraw(port)
    ended = threading.Event()

    def send():
        while not ended.wait(0.01):
            os.write(device, b"+ 12.5 kg\r\n")

    sender = threading.Thread(target=send)
    sender.start()
    yield {"port": os.ttyname(port)}
    ended.set()
    sender.join()
    os.close(device)
    os.close(port)


def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def opcua_server():
    """An OPC UA server whose node s0 changes ten times a second."""
    pytest.importorskip("asyncua", reason="asyncua is not installed")
    port = unused_port()
    script = Path(__file__).parents[1] / "unit" / "stations" / "opcua_peer.py"
    options = json.dumps({"port": port, "series": 1})
    server = subprocess.Popen([sys.executable, script, options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert "ready" in server.stdout.readline()
    yield {"endpoint": f"opc.tcp://127.0.0.1:{port}/press"}
    server.kill()
    server.communicate()


@pytest.fixture(scope="module")
def mqtt_broker(tmp_path_factory):
    """mosquitto, and a message with a number every 20 ms."""
    publish = pytest.importorskip("paho.mqtt.publish", reason="paho-mqtt is not installed")
    mosquitto = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
    if mosquitto is None:
        pytest.skip("mosquitto is not installed")
    port, ended = unused_port(), threading.Event()
    conf = tmp_path_factory.mktemp("mosquitto") / "conf"
    conf.write_text(f"allow_anonymous true\nlistener {port} 127.0.0.1\n" + ("user root\n" if os.geteuid() == 0 else ""))
    broker = subprocess.Popen([mosquitto, "-c", conf], stderr=subprocess.DEVNULL)

    def send():
        while not ended.wait(0.02):
            with contextlib.suppress(OSError):  # it is not there yet
                publish.single("plant/oil", "12.5", hostname="127.0.0.1", port=port)
                up.set()

    up = threading.Event()
    sender = threading.Thread(target=send)
    sender.start()
    assert up.wait(20)
    yield {"host": "127.0.0.1", "port": port}
    ended.set()
    sender.join()
    broker.kill()
    broker.wait()


@pytest.fixture(scope="module")
def http_service():
    class Taker(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args):
            pass

    service = HTTPServer(("127.0.0.1", 0), Taker)
    thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield {"url": f"http://127.0.0.1:{service.server_port}/"}
    service.shutdown()
    thread.join()
    service.server_close()


@pytest.fixture(scope="module")
def modbus_device():
    """A Modbus device on TCP whose register 0 goes up by one with every third request."""
    requests, started = [], threading.Event()

    async def count(_function, _start, _address, _count, registers, _values):
        requests.append(1)
        registers[0] = len(requests) // 3

    async def serve():
        server = ModbusTcpServer(
            SimDevice(1, simdata=[SimData(0, values=[0] * 20, datatype=DataType.REGISTERS)], action=count), address=("127.0.0.1", 0)
        )
        await server.serve_forever(background=True)
        told["port"], told["loop"], told["ended"] = (
            server.transport.sockets[0].getsockname()[1],
            asyncio.get_running_loop(),
            asyncio.Event(),
        )
        started.set()
        await told["ended"].wait()
        await server.shutdown()
        await asyncio.sleep(0.1)

    told = {}
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(10)
    yield {"host": "127.0.0.1", "tcp_port": told["port"]}
    told["loop"].call_soon_threadsafe(told["ended"].set)
    thread.join()


@pytest.fixture
def simulated_producer():
    """The GenTL producer that the genicam package brings along."""
    genicam = pytest.importorskip("genicam", reason="genicam is not installed")
    pytest.importorskip("genicam.gentl", reason="genicam cannot be loaded (Debian: libpython3.11)", exc_type=ImportError)
    return {"producer": str(Path(genicam.__file__).with_name("viky.cti")), "device": "0"}


@pytest.fixture
def free_port():
    """A port on which a link of ours may listen."""
    return {"port": unused_port()}
