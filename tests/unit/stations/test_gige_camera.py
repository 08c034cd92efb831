"""The driver against Aravis's simulated GigE Vision camera: real packets over the loopback interface."""

import contextlib
import fcntl
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from inspector.errors import DriverError
from inspector.parts import Trigger
from inspector.plugins import load_driver
from inspector.testing import check_driver
from stations.protocols.aravis import aravis

FAKE = Path(__file__).with_name("fake_gige_camera.py")
PART = Trigger("bench", "part-1", 0)
PERIOD_NS = 40_000_000


def why_not():
    try:
        aravis("test")
    except DriverError as error:
        return str(error)
    return None


pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


class FakeCamera:
    """A camera that can be switched off, hung and switched on again."""

    def __init__(self):
        self._process = None

    def switch_on(self, lost_ratio=0.0, tick_hz=1_000_000_000):
        command = [sys.executable, "-W", "ignore", str(FAKE), "FAKE1", str(lost_ratio), str(tick_hz)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self._process.stdout.readline().strip()
        if line != "running":
            self.switch_off()
            pytest.skip(f"no simulated camera on 127.0.0.1: {line}")

    def send(self, number):
        os.kill(self._process.pid, number)

    def switch_off(self):
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@pytest.fixture
def fake():
    """The one camera that 127.0.0.1 has room for: tests that run side by side take turns."""
    with (Path(tempfile.gettempdir()) / f"fake-gige-camera-{os.getuid()}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        camera = FakeCamera()
        try:
            yield camera
        finally:
            camera.switch_off()


@pytest.fixture
def made():
    """Make drivers that are closed at the end."""
    drivers = []

    def make(**settings):
        driver_class = load_driver("gige-camera")
        # a packet size as given: the trial of sizes takes its time on a busy computer
        chosen = {"packet_size": 1400} if {"serial", "id"} & set(settings) else {"address": "127.0.0.1", "packet_size": 1400}
        drivers.append(driver_class(driver_class.Settings.model_validate(chosen | settings), channel="top"))
        return drivers[-1]

    yield make
    for driver in drivers:
        driver.close()


@pytest.fixture
def opened(fake, made):
    """A driver open on a camera that is on."""

    def make(lost_ratio=0.0, tick_hz=1_000_000_000, **settings):
        fake.switch_on(lost_ratio, tick_hz)
        driver = made(**settings)
        driver.open()
        return driver

    return make


def frames_of(driver, count, within_s=20.0):
    frames = []
    end_s = time.monotonic() + within_s
    while len(frames) < count and time.monotonic() < end_s:
        frame = driver.read(0.5)
        frames += [] if frame is None else [frame]
    assert len(frames) == count, f"{driver.lost()} incomplete"
    return frames


def shoot(driver):
    """Trigger until a picture comes: one may get lost on a busy computer."""
    end_s = time.monotonic() + 20
    while time.monotonic() < end_s:
        driver.fire(PART)
        if (frame := driver.read(2.0)) is not None:
            return frame
    pytest.fail("no picture came")


def seconds_until_lost(driver):
    start_s = time.monotonic()
    while time.monotonic() < start_s + 20:
        try:
            driver.read(0.2)
        except DriverError as error:
            return time.monotonic() - start_s, str(error)
    pytest.fail("the loss was not noticed")


def reopen(driver):
    """Open again, as the station does: until it works."""
    driver.close()
    end_s = time.monotonic() + 15
    while True:
        try:
            return driver.open()
        except DriverError:
            assert time.monotonic() < end_s
            time.sleep(0.2)


def test_it_keeps_its_promise(fake):
    fake.switch_on()
    assert check_driver(load_driver("gige-camera"), {"address": "127.0.0.1"}) == []


def test_a_camera_is_found_and_opens_by_what_was_found(fake, made):
    fake.switch_on()
    found = [device for device in load_driver("gige-camera").discover() if device.settings == {"serial": "FAKE1"}]
    assert [device.title for device in found] == ["Aravis Fake FAKE1 at 127.0.0.1"]
    camera = made(**found[0].settings)
    camera.open()
    assert frames_of(camera, 1)[0].size_px == (512, 512)


def test_a_picture_has_the_middle_of_its_exposure_on_the_cameras_clock(opened):
    camera = opened(exposure_us=30_000)
    assert camera.own_clock
    frames = frames_of(camera, 10)
    t_ns = np.array([frame.t_ns for frame in frames])
    assert np.all(np.diff(t_ns) > 0)
    assert np.median(np.diff(t_ns)) == pytest.approx(PERIOD_NS, rel=0.2)
    assert 0 <= time.monotonic_ns() - camera.arrived_ns < 5e9
    started_ns = t_ns - 15_000_000  # it takes its pictures at multiples of its period
    assert np.min(started_ns % PERIOD_NS) < 5e6


def test_the_arrival_is_that_of_the_first_packet_on_the_station_clock(opened):
    camera = opened()
    offsets_ns = []
    for _ in range(10):
        frame = frames_of(camera, 1)[0]
        offsets_ns.append(camera.arrived_ns - frame.t_ns)
        time.sleep(0.03)  # however late it is read
    assert np.ptp(np.sort(offsets_ns)[:6]) < 10e6


def test_without_a_clock_it_stamps_with_the_arrival(opened):
    camera = opened(tick_hz=0, exposure_us=20_000)
    assert not camera.own_clock
    frame = frames_of(camera, 1)[0]
    assert camera.arrived_ns is None
    assert 10e6 <= time.monotonic_ns() - frame.t_ns < 5e9


def test_the_station_may_ask_for_arrival_stamps(opened):
    camera = opened(device_stamps=False)
    frame = frames_of(camera, 1)[0]
    assert not camera.own_clock
    assert 0 <= time.monotonic_ns() - frame.t_ns < 5e9


def test_a_software_trigger_takes_one_picture_each(opened):
    camera = opened(trigger="software")
    assert camera.read(0.3) is None
    for _ in range(3):
        camera.fire(PART)
        frames_of(camera, 1)
        assert camera.read(0.15) is None


def test_a_camera_that_waits_for_its_line_is_not_lost(opened):
    camera = opened(trigger="line", trigger_line="Line0")
    end_s = time.monotonic() + 1.5
    while time.monotonic() < end_s:
        assert camera.read(0.2) is None


def test_pictures_with_lost_packets_are_counted_and_left_out(opened, caplog):
    with caplog.at_level(logging.WARNING):
        camera = opened(lost_ratio=0.003)
        frames = frames_of(camera, 10)
        while camera.lost() < 3:
            camera.read(0.2)
    for frame in frames:
        differences = np.unique(np.diff(frame.pixels.astype(int), axis=1))
        assert set(differences) <= {-255, -254, 0, 1}  # a ramp without a hole
    assert sum("incomplete" in record.message for record in caplog.records) == 1


def test_a_camera_without_power_is_noticed_and_comes_back(fake, opened):
    camera = opened()
    frames_of(camera, 2)
    fake.switch_off()
    seconds, reason = seconds_until_lost(camera)
    assert "does not answer" in reason
    assert seconds < 3.0  # 1.0 on an idle computer
    closing_s = time.monotonic()
    camera.close()
    assert time.monotonic() - closing_s < 1.0
    fake.switch_on()
    reopen(camera)
    frames_of(camera, 2)


def test_a_camera_that_hangs_is_noticed_even_between_triggers(fake, opened):
    camera = opened(trigger="software")
    shoot(camera)
    fake.send(signal.SIGSTOP)
    seconds, reason = seconds_until_lost(camera)
    assert "does not answer" in reason
    assert seconds < 4.0  # 1.5 on an idle computer
    fake.send(signal.SIGCONT)
    reopen(camera)
    shoot(camera)


def test_a_camera_that_was_restarted_in_between_is_noticed(fake, opened):
    camera = opened(trigger="software")
    fake.switch_off()
    fake.switch_on()
    seconds, reason = seconds_until_lost(camera)
    assert "restarted" in reason or "does not answer" in reason
    assert seconds < 5.0
    reopen(camera)
    shoot(camera)


def test_nobody_at_an_address_is_said_so(made):
    camera = made(address="127.0.0.99")
    with pytest.raises(DriverError, match=r"top: camera at 127\.0\.0\.99: cannot be opened .*check its power, its cable and the address"):
        camera.open()


def test_an_unknown_serial_lists_the_cameras_that_are_there(fake, made):
    fake.switch_on()
    with pytest.raises(DriverError, match=r"no camera '4711' answers; there are: .*serial 'FAKE1'"):
        made(serial="4711").open()


def test_a_camera_in_use_is_said_so(opened, made):
    opened()
    with pytest.raises(DriverError, match="end the other program that uses it"):
        made().open()


REFUSED = [
    ({"features": {"NoSuchFeature": 1}}, "camera at 127.0.0.1: feature NoSuchFeature cannot be set to 1: the camera has no such feature"),
    ({"exposure_us": 1.0}, "feature ExposureTimeAbs cannot be set to 1.0: .*lower than allowed minimum '10'"),
    ({"pixel_format": "Mono12p"}, "feature PixelFormat cannot be set to Mono12p: .*it takes .*Mono8"),
    ({"trigger": "line", "trigger_line": "Line7"}, "feature TriggerSource cannot be set to Line7: .*it takes Line0, Software"),
    ({"region": {"width_px": 9999, "height_px": 100}}, "feature Width cannot be set to 9999: .*greater than allowed maximum"),
]


def test_what_the_camera_refuses_is_said_with_feature_and_camera(fake, made):
    fake.switch_on()
    for settings, message in REFUSED:
        with pytest.raises(DriverError, match=message):
            made(**settings).open()


def test_features_are_set_by_name(opened):
    camera = opened(
        features={"TestBoolean": True, "GainRaw": 7.0, "TriggerMode": False},  # YAML reads Off as false
        region={"x_px": 64, "y_px": 32, "width_px": 200, "height_px": 100},
        frame_rate_hz=50.0,
        gain=3,
    )
    frames = frames_of(camera, 12)
    assert frames[0].size_px == (200, 100)
    assert np.median(np.diff([frame.t_ns for frame in frames])) == pytest.approx(PERIOD_NS / 2, rel=0.2)


def test_all_pixel_formats_show_the_same_picture(fake, made):
    fake.switch_on()
    pictures = {}
    for name in ("Mono8", "Mono16", "RGB8", "BayerGR8", "BayerGB8", "BayerRG8"):
        camera = made(pixel_format=name)
        camera.open()
        pictures[name] = frames_of(camera, 1)[0].pixels
        camera.close()
    assert {name: (picture.shape, picture.dtype) for name, picture in pictures.items()} == {
        "Mono8": ((512, 512), np.uint8),
        "Mono16": ((512, 512), np.uint16),
        **dict.fromkeys(("RGB8", "BayerGR8", "BayerGB8", "BayerRG8"), ((512, 512, 3), np.uint8)),
    }
    assert pictures["Mono16"].max() > 60_000
    # its picture runs from blue to red as it grows lighter; it lays out BayerRG8 as BayerBG8, so that one is tested without it
    for name in ("RGB8", "BayerGR8", "BayerGB8"):
        strongest = np.argmax(pictures[name], axis=2)
        steps = [(strongest[:, :-1] == a) & (strongest[:, 1:] == b) for a, b in ((2, 1), (1, 0), (0, 1), (1, 2))]
        assert min(steps[0].sum(), steps[1].sum()) > 5 * max(steps[2].sum(), steps[3].sum()), name


def test_only_one_way_to_name_a_camera():
    with pytest.raises(ValidationError, match="give one of address, serial and id"):
        load_driver("gige-camera").Settings.model_validate({"address": "10.0.0.2", "serial": "1"})


def test_without_aravis_one_line_says_what_to_install(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "gi", None)
    with pytest.raises(DriverError, match=r"top: needs Aravis 0\.8 .*apt install gir1\.2-aravis-0\.8 python3-gi"):
        made().open()
    assert load_driver("gige-camera").discover() == []


def test_closing_twice_and_reading_closed(made):
    camera = made()
    camera.close()
    camera.close()
    with pytest.raises(DriverError, match="is not open"):
        camera.read(0.1)
    with contextlib.suppress(DriverError):
        camera.fire(PART)
