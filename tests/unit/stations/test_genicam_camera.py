"""The driver against the simulated GenTL producer that the genicam package brings along: three cameras with a bouncing ball."""

import shutil
import signal
import subprocess
import sys
import time
from importlib import util
from pathlib import Path

import numpy as np
import pytest

from inspector.errors import DriverError
from inspector.parts import Trigger
from inspector.plugins import load_driver
from inspector.testing import check_driver
from stations.protocols.gentl import PRODUCERS, harvesters

RED, GREEN, BLUE = 0, 1, 2


def why_not():
    try:
        harvesters("test")
    except DriverError as error:
        return str(error)
    return None


pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture
def producer():
    return Path(util.find_spec("genicam").origin).with_name("viky.cti")


@pytest.fixture
def made(producer):
    """Make drivers that are closed at the end."""
    drivers = []

    def make(**settings):
        driver_class = load_driver("genicam-camera")
        chosen = {"producer": str(producer), "device": "0"} | settings
        drivers.append(driver_class(driver_class.Settings.model_validate(chosen), channel="top"))
        return drivers[-1]

    yield make
    for driver in drivers:
        driver.close()


def frame_of(driver):
    end_s = time.monotonic() + 10
    while time.monotonic() < end_s:
        if (frame := driver.read(1.0)) is not None:
            return frame
    pytest.fail("no picture came")


def ball_of(frame):
    """Return the colour of what is not white."""
    there = np.any(frame.pixels < 255, axis=-1)
    assert 0.0001 < there.mean() < 0.1
    return np.median(frame.pixels[there], axis=0).tolist()


def test_it_keeps_its_promise(producer):
    assert check_driver(load_driver("genicam-camera"), {"producer": str(producer), "device": "0"}) == []


def test_cameras_are_found_where_makers_put_their_producers(producer, made, monkeypatch):
    monkeypatch.setenv(PRODUCERS, f"/no/such/folder:{producer.parent}")
    found = load_driver("genicam-camera").discover()
    assert [device.settings for device in found] == [{"producer": str(producer), "device": serial} for serial in "012"]
    assert found[1].title == "Machine Vision Games Ltd. Viky 1"
    camera = made(**found[1].settings)
    camera.open()
    assert ball_of(frame_of(camera)) == [0, 255, 0]


def test_without_producers_nothing_is_found(monkeypatch):
    monkeypatch.delenv(PRODUCERS, raising=False)
    assert load_driver("genicam-camera").discover() == []


@pytest.mark.parametrize(("device", "colour"), [("0", RED), (2, BLUE), ("VikyTL_DEV_green", GREEN)])
def test_a_camera_is_named_by_serial_number_place_or_id(made, device, colour):
    camera = made(device=device)
    camera.open()
    frame = frame_of(camera)
    assert frame.pixels.shape == (400, 400, 3)
    assert ball_of(frame) == [255 * (channel == colour) for channel in range(3)]


def test_a_camera_without_a_clock_is_stamped_by_arrival(made):
    camera = made()
    camera.open()
    assert not camera.own_clock
    stamps_ns = []
    for _ in range(8):
        frame = frame_of(camera)
        assert 0 <= time.monotonic_ns() - frame.t_ns < 5e9
        stamps_ns.append(frame.t_ns)
    assert camera.arrived_ns is None
    assert np.median(np.diff(stamps_ns)) == pytest.approx(50e6, rel=0.3)


def test_pictures_that_waited_are_not_given_on_as_new(made):
    camera = made()
    camera.open()
    frame_of(camera)
    time.sleep(0.4)  # eight pictures long
    asked_ns = time.monotonic_ns()
    first, second = frame_of(camera), frame_of(camera)
    assert first.t_ns >= asked_ns
    assert second.t_ns - first.t_ns > 20e6


def test_grey_size_and_rate_are_as_set(made):
    camera = made(pixel_format="Mono8", region={"width_px": 200, "height_px": 120}, frame_rate_hz=50.0)
    camera.open()
    stamps_ns = []
    for _ in range(60):
        frame = frame_of(camera)
        stamps_ns.append(frame.t_ns)
    assert frame.pixels.shape == (120, 200)
    # the mean, as a loaded machine hands pictures on in bursts
    assert np.mean(np.diff(stamps_ns)) == pytest.approx(20e6, rel=0.4)


def test_of_several_parts_the_one_that_is_a_picture_is_taken(made):
    camera = made(features={"ComponentSelector": "Range", "ComponentEnable": True})
    camera.open()
    assert ball_of(frame_of(camera)) == [255, 0, 0]


def test_it_opens_again_after_closing(made):
    camera = made()
    for _ in range(3):
        camera.open()
        frame_of(camera)
        camera.close()
        camera.close()
    with pytest.raises(DriverError, match="is not open"):
        camera.read(0.1)
    camera.fire(Trigger("bench", "part-1", 0))


def test_a_read_without_a_picture_takes_its_timeout(made):
    camera = made(frame_rate_hz=1.0)
    camera.open()
    frame_of(camera)
    start_s = time.monotonic()
    assert camera.read(0.2) is None
    assert 0.15 < time.monotonic() - start_s < 0.9


def test_an_incomplete_picture_is_counted(made, caplog):
    camera = made()
    camera.open()
    acquirer = camera._link._acquirer  # its producer loses nothing: what harvesters does at a loss is called by hand
    for _ in range(2):
        acquirer._emit_callbacks(acquirer.Events.INCOMPLETE_BUFFER)
    assert camera.lost() == 2
    assert sum("incomplete" in record.message for record in caplog.records) == 1


def test_ctrl_c_stays_with_the_program(made):
    before = signal.getsignal(signal.SIGINT)
    made().open()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "77"}, r"top: no camera '77' answers through viky\.cti; there are: .*Viky 0 \(0, VikyTL_DEV_red\), .*; set device"),
        ({"device": None}, "more than one camera answers"),
        ({"features": {"NoSuchFeature": 1}}, "Viky 0: feature NoSuchFeature cannot be set to 1: the camera has no such feature"),
        ({"features": {"BouncingBallSize": 100}}, "feature BouncingBallSize cannot be set to 100: .*Max = 40"),
        ({"pixel_format": "Mono12"}, "feature PixelFormat cannot be set to Mono12: .*it takes RGBa8, Mono8"),
        ({"trigger": "software"}, "feature TriggerSource cannot be set to Software: the camera has no such feature"),
        ({"producer": "/no/such.cti"}, r"/no/such\.cti: does not exist, correct the setting producer"),
        ({"producer": shutil.which("true")}, "is no GenTL producer that can be loaded"),
    ],
)
def test_what_does_not_work_is_said(made, settings, message):
    with pytest.raises(DriverError, match=message) as raised:
        made(**settings).open()
    assert "\n" not in str(raised.value)


def test_no_producer_at_all_is_said(made, monkeypatch):
    monkeypatch.delenv(PRODUCERS, raising=False)
    with pytest.raises(DriverError, match="no GenTL producer is known: install the camera maker's software"):
        made(producer=None).open()


def test_without_harvesters_one_line_says_what_to_install(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "harvesters.core", None)
    with pytest.raises(DriverError, match=r"top: needs the package harvesters: pip install 'line-inspector\[genicam\]'"):
        made().open()
    assert load_driver("genicam-camera").discover() == []


def test_a_program_ends_in_peace_with_a_camera_open(producer):
    program = (
        "from stations.drivers.genicam_camera import GenicamCamera\n"
        f"camera = GenicamCamera(GenicamCamera.Settings(producer={str(producer)!r}, device='0'), channel='top')\n"
        "camera.open()\n"
        "assert camera.read(5.0) is not None\n"
    )
    ended = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
