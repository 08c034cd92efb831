"""Network cameras and their sound, on GStreamer's RTSP server and ffmpeg's MJPEG over HTTP; OpenCV's cameras on the latter."""

import ctypes
import inspect
import itertools
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import traceback
from pathlib import Path

import av
import numpy as np
import pytest
from pydantic import ValidationError

from inspector.clock import MonotonicClock
from inspector.errors import DriverError
from inspector.parts import Frame
from inspector.plugins import load_driver
from inspector.testing import check_driver

SYSTEM_PYTHON = "/usr/bin/python3"
"""GStreamer's bindings are the distribution's, and so is their Python."""
RATE_HZ = 8000
FPS = 25
FILE_S = 25
LOST_S = (1.4, 2.6)
"""Sound that is missing in the served file."""


def _gstreamer():
    check = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    return Path(SYSTEM_PYTHON).exists() and not subprocess.run([SYSTEM_PYTHON, "-c", check], capture_output=True, check=False).returncode


needs_rtsp = pytest.mark.skipif(not _gstreamer(), reason="no RTSP server: install gir1.2-gst-rtsp-server-1.0 and python3-gi")
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no MJPEG server: install ffmpeg")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture(scope="module")
def flashes(tmp_path_factory):
    """A minute of black with a white flash and a click at every second."""
    file = tmp_path_factory.mktemp("stream") / "flashes.mkv"
    with av.open(str(file), "w") as container:
        options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(FPS), "bf": "0"}
        pictures = container.add_stream("libx264", rate=FPS, options=options)
        pictures.width, pictures.height, pictures.pix_fmt = 160, 120, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        block = RATE_HZ // FPS
        for k in range(FILE_S * FPS):
            frame = av.VideoFrame.from_ndarray(np.full((120, 160), 235 if k % FPS < 2 else 16, np.uint8), format="gray")
            container.mux(pictures.encode(frame.reformat(format="yuv420p")))
            if LOST_S[0] <= k / FPS < LOST_S[1]:
                continue
            t_s = (k * block + np.arange(block)) / RATE_HZ
            click = np.where(np.mod(t_s, 1) < 0.04, 20_000 * np.sin(2 * np.pi * 1000 * t_s), 0).astype(np.int16)
            heard = av.AudioFrame.from_ndarray(click[None], format="s16", layout="mono")
            heard.sample_rate, heard.pts = RATE_HZ, k * block
            container.mux(sound.encode(heard))
        container.mux(pictures.encode(None))
    return file


class RtspServer:
    def __init__(self, file, port=None, login=""):
        self.port = port or free_port()
        script = Path(__file__).with_name("rtsp_server.py")
        command = [SYSTEM_PYTHON, str(script), str(file), str(self.port), *([login] if login else [])]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.clients = 0
        self._up = threading.Event()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()
        assert self._up.wait(20), "the RTSP server does not start"

    def url(self, path="line", login=""):
        return f"rtsp://{login}127.0.0.1:{self.port}/{path}"

    def _listen(self):
        for line in self.process.stdout:
            self.clients += line.startswith("client")
            self._up.set()

    def end(self):
        self.process.kill()
        self.process.wait()
        self._listener.join()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture(scope="module")
def rtsp(flashes):
    server = RtspServer(flashes)
    yield server
    server.end()


@pytest.fixture
def opened():
    made = []
    clock = MonotonicClock()

    def make(name, **settings):
        driver = load_driver(name)
        made.append(driver(driver.Settings.model_validate(settings), channel=name, clock=clock))
        made[-1].open()
        return made[-1]

    yield make
    for driver in made:
        driver.close()


def together(drivers, until_s):
    """Read drivers side by side as a station does, until their stamps have come so far; return what each gave, with its arrival."""
    read = {driver: [] for driver in drivers}
    end_s = time.monotonic() + 30

    def serve(driver):
        t_ns = 0
        while t_ns < until_s * 1e9 and time.monotonic() < end_s:
            signal_ = driver.read(0.2)
            if signal_ is not None:
                t_ns = signal_.t_ns if isinstance(signal_, Frame) else signal_.start_ns
                read[driver].append((signal_, driver.arrived_ns))

    threads = [threading.Thread(target=serve, args=(driver,)) for driver in drivers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [read[driver] for driver in drivers]


def lost_after_s(driver, deadline_s=10.0):
    """Read until the device is lost; return how long that took, and the error."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < deadline_s:
        try:
            driver.read(0.1)
        except DriverError as error:
            return time.monotonic() - began_s, error
    pytest.fail("the device was never lost")


def first(driver, deadline_s=10.0):
    end_s = time.monotonic() + deadline_s
    while time.monotonic() < end_s:
        signal_ = driver.read(0.2)
        if signal_ is not None:
            return signal_
    pytest.fail("nothing came")


@needs_rtsp
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_picture_and_sound_come_by_one_connection_on_one_clock(flashes, opened, transport):
    server = RtspServer(flashes)
    try:
        camera = opened("network-camera", url=server.url(), transport=transport, silence_s=5, pixels="grey")
        sound = opened("network-sound", url=server.url(), transport=transport, silence_s=5)
        frames, blocks = together([camera, sound], 3.4)
        assert server.clients == 1
    finally:
        server.end()
    bright = [frame.pixels.mean() > 100 for frame, _ in frames]
    flashes_s = [frames[k][0].t_ns / 1e9 for k in range(1, len(frames)) if bright[k] and not bright[k - 1]]
    clicks_s = []
    for block, _ in blocks:
        loud = np.flatnonzero(np.abs(block.samples) > 0.3)
        if len(loud) and (not clicks_s or block.start_ns / 1e9 - clicks_s[-1] > 0.3):
            clicks_s.append(block.start_ns / 1e9 + loud[0] / RATE_HZ)
    heard_until_s = blocks[-1][0].end_ns / 1e9 - 0.05
    heard_s = [flash_s for flash_s in flashes_s if flash_s < heard_until_s and not LOST_S[0] < flash_s < LOST_S[1]]
    assert len(heard_s) >= 2
    assert max(min(abs(flash_s - click_s) for click_s in clicks_s) for flash_s in heard_s) < 0.025
    assert np.diff(flashes_s) == pytest.approx(1.0, abs=0.005)
    assert {frame.pixels.shape for frame, _ in frames} == {(120, 160)}
    assert {block.unit for block, _ in blocks} == {"FS"}
    delays_s = [
        np.array([(arrived_ns - stamp(signal_)) / 1e9 for signal_, arrived_ns in read])
        for read, stamp in ((frames, lambda frame: frame.t_ns), (blocks, lambda block: block.end_ns))
    ]
    # the server, which reads a file, sends its first picture one picture early
    assert abs(np.percentile(delays_s[0], 10) - np.percentile(delays_s[1], 10)) < 0.03 + 1 / FPS
    gaps_s = [(after.start_ns - before.end_ns) / 1e9 for (before, _), (after, _) in itertools.pairwise(blocks)]
    assert [gap_s for gap_s in gaps_s if abs(gap_s) > 0.001] == pytest.approx([LOST_S[1] - LOST_S[0]], abs=0.002)


@needs_rtsp
def test_a_track_that_stops_is_noticed_while_the_other_goes_on_and_is_looked_for_anew(flashes, opened):
    server = RtspServer(flashes)
    try:
        camera = opened("network-camera", url=server.url(), silence_s=1.0)
        sound = opened("network-sound", url=server.url(), silence_s=1.0)
        first(sound)
        _, error = lost_after_s(sound)
        assert "sound is lost (nothing came for" in str(error)
        first(camera)
        assert server.clients == 1
        sound.close()
        sound.open()
        first(sound)
        first(camera)
        assert server.clients == 2
    finally:
        server.end()


@needs_rtsp
def test_a_password_is_used_and_never_shown(flashes, opened, caplog, capfd):
    server = RtspServer(flashes, login="operator:s3cr3t-pass")
    wrong = "wr0ng-pass"
    told = []
    try:
        for settings in (
            {"url": server.url(login="operator:s3cr3t-pass@")},
            {"url": server.url(), "user": "operator", "password": {"clear": "s3cr3t-pass"}},
        ):
            camera = opened("network-camera", **settings)
            assert first(camera).size_px == (160, 120)
            told.append(repr(camera.settings) + repr(camera.settings.link) + str(camera.settings.model_dump()))
            camera.close()
        camera = opened("network-camera", **settings)
        with pytest.raises(DriverError, match="correct the settings user and password") as caught:
            opened("network-sound", url=server.url(login=f"operator:{wrong}@"))
        told += ["".join(traceback.format_exception(caught.value)), str(caught.value.__context__)]
    finally:
        server.end()
    told += [str(lost_after_s(camera)[1]), caplog.text, *capfd.readouterr()]
    assert not [secret for secret in ("s3cr3t-pass", wrong) for text in told if secret in text]


@needs_rtsp
def test_a_server_that_is_killed_is_noticed_and_read_on_when_it_is_back(flashes, opened):
    server = RtspServer(flashes)
    camera, sound = opened("network-camera", url=server.url()), opened("network-sound", url=server.url())
    first(camera), first(sound)
    server.end()
    for driver, what in ((camera, "picture is lost"), (sound, "sound is lost")):
        took_s, error = lost_after_s(driver)
        assert took_s < 2.0
        assert what in str(error)
        driver.close()
        with pytest.raises(DriverError, match=r"cannot be opened .*check the setting url"):
            driver.open()
    server = RtspServer(flashes, port=server.port)
    try:
        for driver in (camera, sound):
            driver.open()
            first(driver)
        assert server.clients == 1
    finally:
        server.end()


@needs_rtsp
def test_a_server_that_falls_silent_is_noticed_within_two_seconds(flashes, opened):
    server = RtspServer(flashes)
    try:
        camera = opened("network-camera", url=server.url(), transport="udp")
        first(camera)
        os.kill(server.process.pid, signal.SIGSTOP)
        took_s, error = lost_after_s(camera)
        assert "nothing came for" in str(error)
        assert took_s < 2.0 + 0.5  # what had come is read first; the rest is for a busy machine
        began_s = time.monotonic()
        camera.close()
        assert time.monotonic() - began_s < 2.5
    finally:
        server.end()


@needs_rtsp
def test_a_driver_is_closed_while_its_connection_is_blocked(flashes, opened):
    server = RtspServer(flashes)
    try:
        camera = opened("network-camera", url=server.url())
        first(camera)
        os.kill(server.process.pid, signal.SIGSTOP)
        began_s = time.monotonic()
        camera.close()
        camera.close()
        assert time.monotonic() - began_s < 2.5
    finally:
        server.end()


@needs_rtsp
def test_a_reader_that_slept_gets_no_old_picture(rtsp, opened):
    camera = opened("network-camera", url=rtsp.url())
    frame = first(camera)
    time.sleep(1.8)
    late = first(camera)
    behind_s = 1.8 - (late.t_ns - frame.t_ns) / 1e9
    assert behind_s < 1.0 + 0.3  # what is kept unread, and a tolerance
    assert camera._track.dropped > 0


@needs_rtsp
def test_what_a_stream_does_not_have_or_has_no_more_is_told(rtsp, opened):
    opened("network-camera", url=rtsp.url("silent"))
    for settings, message in (
        ({"url": rtsp.url("silent")}, "has no sound, give another url"),
        ({"url": rtsp.url("none")}, "404.*correct the path"),
        ({"url": rtsp.url("line"), "sound_channel": 1}, "has 1 sound channel"),
    ):
        with pytest.raises(DriverError, match=f"^network-sound: rtsp://127.0.0.1:{rtsp.port}/.*{message}"):
            opened("network-sound", **settings)
    with pytest.raises(DriverError, match="another channel reads its picture already"):
        opened("network-camera", url=rtsp.url("silent"))


def test_a_server_that_never_answers_is_given_up(opened):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        began_s = time.monotonic()
        with pytest.raises(DriverError, match="cannot be opened"):
            opened("network-camera", url=f"rtsp://127.0.0.1:{mute.getsockname()[1]}/x?pw=hidden", connect_s=0.5)
        assert time.monotonic() - began_s < 2.5


def end_with_the_test():
    """Ask Linux to kill this process when the one that started it dies, however it dies."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class MjpegServer:
    """ffmpeg's own server: one client, then it ends."""

    def __init__(self, port=None, fps=10):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}/cam.mjpg"
        source = ["-re", "-f", "lavfi", "-i", f"testsrc2=size=160x120:rate={fps}:duration=60"]
        sink = ["-c:v", "mjpeg", "-q:v", "4", "-f", "mpjpeg", "-listen", "1", self.url]
        command = ["ffmpeg", "-v", "quiet", "-nostdin", *source, *sink]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=end_with_the_test)

    def await_up(self):
        end_s = time.monotonic() + 20
        state = Path("/proc/net/tcp")
        while f":{self.port:04X} 00000000:0000 0A" not in state.read_text() and time.monotonic() < end_s:
            time.sleep(0.02)
        return self

    def end(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def mjpeg():
    servers = []

    def serve(**options):
        servers.append(MjpegServer(**options))
        return servers[-1].await_up()

    yield serve
    for server in servers:
        server.end()


@needs_ffmpeg
def test_mjpeg_is_stamped_by_arrival_as_its_own_stamps_are_invented(mjpeg, opened):
    clock = MonotonicClock()
    camera = opened("network-camera", url=mjpeg(fps=10).url)
    frames = [(first(camera), clock.now_ns()) for _ in range(10)]
    stamps_ns = np.array([frame.t_ns for frame, _ in frames])
    assert np.median(np.diff(stamps_ns)) == pytest.approx(100e6, rel=0.1)  # ffmpeg's would be 40 ms apart
    assert np.median([read_ns - frame.t_ns for frame, read_ns in frames]) < 50e6
    assert camera.arrived_ns == stamps_ns[-1]
    assert frames[0][0].pixels.shape == (120, 160, 3)


@needs_ffmpeg
@pytest.mark.parametrize("name", ["network-camera", "usb-camera"])
def test_an_mjpeg_server_that_is_killed_is_noticed_and_read_on_when_it_is_back(mjpeg, opened, name):
    server = mjpeg()
    camera = opened(name, **{"url" if name == "network-camera" else "device": server.url})
    first(camera)
    server.end()
    took_s, error = lost_after_s(camera)
    assert took_s < 2.5
    assert server.url in str(error)
    camera.close()
    mjpeg(port=server.port)
    camera.open()
    first(camera)


@needs_ffmpeg
def test_a_usb_camera_that_falls_silent_is_noticed_within_two_seconds(mjpeg, opened):
    server = mjpeg()
    camera = opened("usb-camera", device=server.url)
    first(camera)
    os.kill(server.process.pid, signal.SIGSTOP)
    took_s, error = lost_after_s(camera)
    assert took_s < 2.0 + 0.5
    assert "does not answer any more" in str(error)
    began_s = time.monotonic()
    camera.close()
    assert time.monotonic() - began_s < 2.5


@needs_ffmpeg
def test_network_cameras_keep_the_promise(mjpeg):
    assert check_driver(load_driver("network-camera"), {"url": mjpeg(fps=25).url}) == []


@needs_ffmpeg
def test_usb_cameras_keep_the_promise(mjpeg):
    assert check_driver(load_driver("usb-camera"), {"device": mjpeg(fps=25).url}) == []


@needs_rtsp
def test_network_sound_keeps_the_promise(rtsp):
    assert check_driver(load_driver("network-sound"), {"url": rtsp.url()}, unit="FS") == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "file:///etc/passwd"}, "must be an address with a host"),
        ({"url": "camera.mp4"}, "must be an address with a host"),
        ({"url": "rtsp://"}, "must be an address with a host"),
        ({"url": "rtsp://h:99999/"}, "must be an address with a host"),
        ({"url": "rtsp://a:geheim@h/", "user": "b"}, "holds a user already"),
        ({"url": "rtsp://h/", "password": {"clear": "geheim"}}, "needs the setting user"),
        ({"url": "rtsp://a:geheim@h/", "transport": "http"}, "transport"),
    ],
)
def test_wrong_addresses_are_told_without_what_is_secret_in_them(settings, message):
    for name in ("network-camera", "network-sound"):
        with pytest.raises(ValidationError, match=message) as caught:
            load_driver(name).Settings.model_validate(settings)
        assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://a:b@cam-1:554/live?token=c#d", "rtsp://cam-1:554/live"),
        ("rtsp://cam-1/user=a&password=b&channel=1", "rtsp://cam-1/..."),
        ("http://a:b@[fe80::1]:80/v.mjpg", "http://[fe80::1]:80/v.mjpg"),
    ],
)
def test_only_the_harmless_part_of_an_address_is_shown(url, shown):
    assert load_driver("network-camera").Settings(url=url).place == shown


@needs_ffmpeg
def test_a_usb_camera_gives_the_newest_pictures_in_the_colours_asked(mjpeg, opened):
    clock = MonotonicClock()
    camera = opened("usb-camera", device=mjpeg(fps=20).url, pixels="grey", width_px=160, height_px=120)
    assert first(camera).pixels.shape == (120, 160)
    time.sleep(0.6)
    assert clock.now_ns() - first(camera).t_ns < 300e6
    assert camera.lost() > 3
    network = opened("network-camera", url=mjpeg().url)
    usb = opened("usb-camera", device=mjpeg().url)
    assert np.abs(first(usb).pixels.mean(axis=(0, 1)) - first(network).pixels.mean(axis=(0, 1))).max() < 4  # red is red


@needs_ffmpeg
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width_px": 1920, "height_px": 1080}, "refuses width_px, height_px 1920 x 1080 and does 160 x 120, set that or leave it out"),
        ({"fps": 60}, "refuses fps 60 and does 25"),
        ({"exposure_ms": 5}, "refuses exposure_ms 5 and does not have that setting"),
        ({"fourcc": "YUYV"}, "refuses fourcc YUYV and does MJPG"),
    ],
)
def test_a_usb_camera_that_refuses_a_setting_says_what_it_does(mjpeg, opened, settings, message):
    url = mjpeg().url
    with pytest.raises(DriverError, match=f"^usb-camera: {url}: {message}"):
        first(opened("usb-camera", device=url, **settings))


def test_a_usb_camera_that_is_not_there_or_none_is_told(opened, tmp_path, capfd):
    (tmp_path / "file").write_text("no camera")
    for device, message in (
        (97, "camera 97: does not exist, plug it in"),
        ("/dev/v4l/by-id/none", "camera /dev/v4l/by-id/none: does not exist"),
        ("/dev/null", "camera /dev/null: cannot be opened"),
        (str(tmp_path / "file"), "cannot be opened"),
        ("http://a:geheim@127.0.0.1:9/x?pw=geheim", "^usb-camera: http://127.0.0.1:9/x: cannot be opened"),
    ):
        with pytest.raises(DriverError, match=message):
            opened("usb-camera", device=device)
    assert "geheim" not in "".join(capfd.readouterr())
    with pytest.raises(ValidationError, match="belong together"):
        opened("usb-camera", width_px=640)


def test_usb_cameras_are_found_without_their_metadata_nodes(tmp_path, monkeypatch):
    camera = load_driver("usb-camera")
    monkeypatch.setattr(inspect.getmodule(camera), "DEVICES", tmp_path)
    assert camera.discover() == []
    for node, index in (("video0", 0), ("video1", 1), ("video2", 0)):
        (tmp_path / node).mkdir()
        (tmp_path / node / "index").write_text(f"{index}\n")
        (tmp_path / node / "name").write_text(f"Line camera of {node}\n")
    (tmp_path / "video3").mkdir()
    assert [(found.title, found.settings) for found in camera.discover()] == [
        ("Line camera of video0", {"device": "/dev/video0"}),
        ("Line camera of video2", {"device": "/dev/video2"}),
    ]


@pytest.mark.parametrize(
    ("backend", "told_ms", "age_ms"),
    [("V4L2", 9970.0, 30), ("V4L2", 0.0, 0), ("V4L2", 10_500.0, 0), ("V4L2", 8000.0, 0), ("FFMPEG", 9970.0, 0)],
)
def test_the_stamp_of_the_kernel_is_taken_where_it_can_be_one(backend, told_ms, age_ms):
    class Capture:
        def getBackendName(self):  # noqa: N802  OpenCV's name
            return backend

        def get(self, _what):
            return told_ms

    stamp_ns = inspect.getmodule(load_driver("usb-camera")).stamp_ns
    assert stamp_ns(Capture(), 10_000_000_000) == 10_000_000_000 - age_ms * 1_000_000
