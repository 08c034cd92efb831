"""Every installed driver keeps its promise. An outside package's drivers are found by themselves."""

import os
import socket
import threading
import tty

import av
import cv2
import numpy as np
import pandas as pd
import pytest
import soundfile

from inspector.drivers import PROMISES, Settings
from inspector.plugins import driver_names, load_driver
from inspector.testing import check_driver


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
    yield os.ttyname(port)
    ended.set()
    sender.join()
    os.close(device)
    os.close(port)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def settings_of(name, files, port):
    """What a driver needs to run without a plant; None where that is not known here."""
    simulated = {"seed": 3, "interval_s": 0.5}
    return {
        "image-folder": {"folder": str(files / "pictures"), "interval_s": 0.1},
        "video-file": {"file": str(files / "v.mkv")},
        "video-sound": {"file": str(files / "v.mkv")},
        "audio-file": {"file": str(files / "s.wav")},
        "series-file": {"file": str(files / "t.csv"), "column": "x"},
        "timer": {"interval_s": 0.1},
        "log-sink": {},
        "serial-lines": {"port": port},
        "serial-sink": {"port": port},
        "modbus-plc": {"port": free_port()},
        "opcua-plc": {"port": free_port()},
        "simulated-camera": simulated,
        "simulated-trigger": simulated,
        "simulated-waveform": simulated | {"stream": "microphone"},
        "simulated-series": simulated | {"stream": "air_pressure"},
    }.get(name)


@pytest.mark.parametrize("name", driver_names())
def test_a_driver_keeps_its_promise(name, files, wired_port):
    settings = settings_of(name, files, wired_port)
    if settings is None:
        pytest.skip(f"no settings are known under which '{name}' runs without its device")
    assert check_driver(load_driver(name), settings) == []


@pytest.mark.parametrize("name", driver_names())
def test_a_driver_is_written_as_all_are(name):
    driver = load_driver(name)
    assert sum(issubclass(driver, promise) for promise in PROMISES) == 1
    assert issubclass(driver.Settings, Settings)
    assert driver.Settings.model_config["extra"] == "forbid"
    assert driver.__doc__
