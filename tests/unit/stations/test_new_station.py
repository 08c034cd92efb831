"""`inspector station new`: drafts from flags and from questions, and the file that they become."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time
from typing import ClassVar

import pytest
import yaml
from pydantic import Field, model_validator

from inspector import drivers
from inspector.cli import main
from inspector.config import load_station
from inspector.drivers import Found
from inspector.errors import UsageError
from inspector.plugins import driver_names, load_driver
from stations import devices, drafting, new_actions, station_draft, wizard
from stations.drafting import channel_of, modality_of, parsed
from stations.finding import Search
from stations.proofreading import proofread
from stations.station_draft import ChannelDraft, DeviceDraft, StationDraft, station_text
from stations.wizard import Wizard


class Camera(drivers.Camera):
    """A camera on the network.

    More about it.
    """

    class Settings(drivers.Settings):
        serial: str = Field(description="serial number, as printed on the camera")
        exposure_ms: float = Field(default=5.0, gt=0, description="how long a picture is exposed")
        region: dict[str, int] = Field(default_factory=dict, description="x, y: part of the picture " + "that is read " * 12)

    def read(self, timeout_s): ...


class Scale(drivers.SeriesSource):
    """A scale."""

    class Settings(drivers.Settings):
        host: str = Field(description="its address: a name # or a number")
        port: int = Field(ge=1)
        interval_s: float = 0.1
        user: str | None = None
        password: str | None = None

        @model_validator(mode="after")
        def _both(self):
            if self.port == 443 and self.user is None:
                raise ValueError("port 443 needs user and password")
            return self

    def read(self, timeout_s): ...


KNOWN = {"fake-camera": Camera, "fake-scale": Scale}
CAMERAS = Search("fake-camera", (Found("Cam 5 (SN 123)", {"serial": "0123"}), Found("Cam 9", {"serial": "no: yes"})))

PORTS = Search("serial-lines", (Found("serial port", {"port": "/dev/ttyS0"}),))


@pytest.fixture(autouse=True)
def known_drivers(monkeypatch):
    def load(name):
        return KNOWN[name] if name in KNOWN else load_driver(name)

    for module in (devices, drafting, new_actions, station_draft, wizard):
        monkeypatch.setattr(module, "load_driver", load)
    monkeypatch.setattr(wizard, "driver_names", lambda: sorted([*driver_names(), *KNOWN]))


@pytest.fixture
def new(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(new_actions, "find_devices", lambda: [CAMERAS])

    def run(*words):
        code = main(["station", "new", "hall-3", *words])
        path = tmp_path / "hall-3.yaml"
        return code, path if path.exists() else None

    return run


# --- flags


def test_a_station_by_flags_can_be_loaded_and_is_what_was_asked_for(new, capsys):
    code, path = new(
        *("--camera", "fake-camera:serial=007,region={x: 1, y: 2}", "--camera"),
        *("--microphone", "audio-file:file=a,b.wav", "--channel", "motor_vibration=audio-file:file=v.wav"),
        *("--series", "weight=fake-scale:host=10.0.0.7,port=4305,interval_s=2", "--unit", "weight=kg"),
        *("--trigger", "timer:interval_s=0.5,prefix=plate-", "--sink", "log-sink", "--sink", "plc=serial-sink:port=/dev/ttyS9"),
        *("--title", "Hall: 3", "--title-zh", "三号", "--product", "plate"),
    )
    assert code == 0
    assert capsys.readouterr().out == "hall-3.yaml: edit it, then 'inspector station check hall-3.yaml'\n"
    assert proofread(path) == []
    station = load_station(path)
    assert (station.title.en, station.title.zh, station.product) == ("Hall: 3", "三号", "plate")
    assert {name: (one.modality, one.driver, one.unit) for name, one in station.channels.items()} == {
        "camera": ("image", "fake-camera", ""),
        "camera_2": ("image", "fake-camera", ""),
        "microphone": ("audio", "audio-file", "FS"),
        "weight": ("series", "fake-scale", "kg"),
        "motor_vibration": ("vibration", "audio-file", "m/s2"),
    }
    assert station.channels["camera"].settings == {"serial": "007", "region": {"x": 1, "y": 2}}
    assert station.channels["camera_2"].settings == {"serial": "0123"}
    assert station.channels["microphone"].settings == {"file": "a,b.wav"}
    assert station.channels["weight"].settings == {"host": "10.0.0.7", "port": 4305, "interval_s": 2}
    assert (station.channels["weight"].max_age_ms, station.channels["weight"].max_sync_error_ms) == (8000, 2400)
    assert station.trigger.settings == {"interval_s": 0.5, "prefix": "plate-"}
    assert {name: sink.driver for name, sink in station.sinks.items()} == {"log": "log-sink", "plc": "serial-sink"}


def test_settings_left_open_are_named_at_once_and_by_the_check(new, capsys):
    code, path = new("--series", "fake-scale:port=1", "--sink", "serial-sink")
    assert code == 0
    assert "fill in channels.sensor.settings.host, sinks.serial.settings.port, then" in capsys.readouterr().out
    load_station(path)
    lines = path.read_text().splitlines()
    assert [(one.key, lines[one.line - 1].split(":")[0].strip()) for one in proofread(path)] == [
        ("channels.sensor.settings.host", "host"),
        ("sinks.serial.settings.port", "port"),
    ]
    assert main(["station", "check", "hall-3.yaml"]) == 2
    assert "channels.sensor.settings.host: is empty, fill it in: its address: a name # or a number (line" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--camera", "fake-camra"], "unknown driver 'fake-camra'"),
        (["--camera", "timer:interval_s=1"], "'timer' is no Camera, which this place needs"),
        (["--camera", "fake-camera:serail=1"], "fake-camera: serail: unknown key 'serail', did you mean 'serial'?"),
        (["--camera", "fake-camera:exposure_ms=-1"], "fake-camera: exposure_ms: Input should be greater than 0"),
        (["--camera", "fake-camera:serial"], "write KEY=VALUE"),
        (["--channel", "timer:interval_s=1"], "belongs to --trigger"),
        (["--microphone"], "no microphone was found"),
        (["--title", "x"], "a station needs a channel"),
        (["--camera", "a=fake-camera", "--camera", "a=fake-camera"], "two channels are called 'a'"),
        (["--camera", "--unit", "x=y"], "--unit x: there is no such channel, but camera"),
        (["--camera", "--unit", "x"], "write CHANNEL=UNIT"),
        (["--camera", "--simulated"], "--simulated goes with no other choice"),
        (["--camera", "--out", "/nowhere/x.yaml"], "cannot be written: No such file or directory"),
    ],
)
def test_wrong_flags_are_told_and_nothing_is_written(new, capsys, words, message):
    code, path = new(*words)
    assert (code, path) == (2, None)
    assert message in capsys.readouterr().err


def test_a_file_is_never_written_over(new, tmp_path, capsys):
    (tmp_path / "hall-3.yaml").write_text("mine")
    assert new("--camera")[0] == 2
    assert (tmp_path / "hall-3.yaml").read_text() == "mine"
    assert "exists already" in capsys.readouterr().err


def test_what_a_flag_says():
    assert parsed("timer") == ("", DeviceDraft("timer"))
    assert parsed("a=net:url=rtsp://u:p@h/s?x=1,y,z=2.5") == ("a", DeviceDraft("net", {"url": "rtsp://u:p@h/s?x=1,y", "z": 2.5}))
    assert parsed("x:n=[1, 2],s=a: [")[1].settings == {"n": [1, 2], "s": "a: ["}


def test_found_is_the_first_device_that_is_free():
    channels = {}
    for _ in range(2):
        name, channel = channel_of("found", "image", [CAMERAS], channels)
        channels[name] = channel
    assert {name: one.device.settings["serial"] for name, one in channels.items()} == {"camera": "0123", "camera_2": "no: yes"}
    with pytest.raises(UsageError, match="no other camera was found"):
        channel_of("found", "image", [CAMERAS], channels)


# --- the file


@pytest.mark.parametrize("driver", driver_names())
def test_every_installed_driver_can_be_written_down(driver, tmp_path):
    kind = load_driver(driver)
    device, timer, camera = DeviceDraft(driver), DeviceDraft("timer", {"interval_s": 1.0}), DeviceDraft("simulated-camera")
    channels, trigger, sinks = {"x": ChannelDraft("image", camera)}, timer, {}
    if issubclass(kind, drivers.TriggerSource):
        trigger = device
    elif issubclass(kind, drivers.VerdictSink):
        sinks = {"x": device}
    elif issubclass(kind, drivers.Camera | drivers.WaveformSource | drivers.SeriesSource):
        channels = {"x": ChannelDraft(modality_of(device, "x"), device)}
    else:
        pytest.skip("is for no place that this command fills")
    draft = StationDraft("bench", channels, trigger, sinks)
    path = tmp_path / "bench.yaml"
    path.write_text(station_text(draft), encoding="utf-8")
    load_station(path)
    assert {one.key for one in proofread(path) if "is empty, fill it in" in one.says} == set(draft.open_keys)
    assert max(map(len, path.read_text(encoding="utf-8").splitlines())) <= 150


def test_commented_settings_can_be_switched_on(tmp_path):
    draft = StationDraft("bench", {"cam": ChannelDraft("image", DeviceDraft("fake-camera", {"serial": "1"}))}, DeviceDraft("timer"), {})
    text = station_text(draft)
    assert "      # exposure_ms: 5.0          # how long a picture is exposed\n" in text
    switched = text.replace("# exposure_ms", "exposure_ms").replace("# region", "region").replace("interval_s:", "interval_s: 1")
    settings = yaml.safe_load(switched)["channels"]["cam"]["settings"]
    assert settings == {"serial": "1", "exposure_ms": 5.0, "region": {}}


# --- questions


def asked(*answers, searches=(CAMERAS,)):
    """Answer the wizard's questions in turn, then Enter; return the draft and what was said."""
    left, said = list(answers), []

    def ask(prompt):
        said.append(prompt)
        return left.pop(0) if left else ""

    draft = Wizard(list(searches), ask, said.append).draft("hall-3")
    assert not left
    return draft, "\n".join(said)


def test_enter_alone_takes_what_was_found():
    draft, said = asked()
    assert {name: one.device for name, one in draft.channels.items()} == {"camera": DeviceDraft("fake-camera", {"serial": "0123"})}
    assert draft.trigger == DeviceDraft("timer", {"interval_s": 1.0})
    assert draft.sinks == {"log": DeviceDraft("log-sink")}
    assert draft.title == "Hall 3"
    assert "   1  Cam 5 (SN 123)  (fake-camera)" in said
    assert "   2  Cam 9  (fake-camera)" in said


@pytest.mark.parametrize("searches", [(), (PORTS,)])
def test_enter_alone_where_no_camera_is_found_is_the_simulated_line(tmp_path, searches):
    draft, _ = asked(searches=searches)
    assert {name: one.device.driver for name, one in draft.channels.items()} == {
        "camera": "simulated-camera",
        "microphone": "simulated-waveform",
        "motor_current": "simulated-series",
    }
    assert draft.trigger.driver == "simulated-trigger"
    (tmp_path / "s.yaml").write_text(station_text(draft), encoding="utf-8")
    assert main(["station", "check", str(tmp_path / "s.yaml")]) == 0


def test_devices_are_chosen_by_number_or_by_name_and_wrong_answers_are_asked_again():
    draft, said = asked(
        "Hall three", "三号厅", "plate",
        "7", "timer", "1, 2", "left", "left", "right",  # cameras
        "none", "none",
        "fake-scale:port=0", "fake-scale", "weight", "kg", "scale-7", "no number", "4305",
        "timer:interval_s=2",
    )  # fmt: skip
    assert [draft.title, draft.title_zh, draft.product] == ["Hall three", "三号厅", "plate"]
    assert list(draft.channels) == ["left", "right", "weight"]
    assert draft.channels["weight"] == ChannelDraft("series", DeviceDraft("fake-scale", {"host": "scale-7", "port": 4305}), "kg")
    assert draft.trigger == DeviceDraft("timer", {"interval_s": 2})
    for complaint in ("there is no number 7", "'timer' is no Camera", "another channel has this name", "port: Input should be greater"):
        assert complaint in said


def test_a_setting_may_be_left_open():
    draft, said = asked("", "", "", "none", "none", "none", "fake-scale")
    assert draft.open_keys == ["channels.sensor.settings.host", "channels.sensor.settings.port"]
    assert "(its address: a name # or a number; may be filled in later)" in said


def test_what_a_driver_asks_of_all_its_settings_does_not_hold_up_a_question():
    draft, _ = asked("", "", "", "none", "none", "none", "fake-scale", "", "", "scale-7", "443")
    assert draft.channels["sensor"].device.settings == {"host": "scale-7", "port": 443}


def test_no_channel_is_no_station():
    with pytest.raises(UsageError, match="choose at least one"):
        asked("", "", "", "none", "none", "none", "none")


def test_the_end_of_the_input_is_an_error():
    def ask(prompt):
        raise EOFError

    with pytest.raises(UsageError, match="nothing is written"):
        Wizard([], ask, lambda _: None).draft("hall-3")


class Terminal:
    """`inspector station new` on a pseudo terminal."""

    command: ClassVar = [sys.executable, "-m", "inspector.cli", "station", "new", "hall-3"]

    def __init__(self, folder):
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(self.command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, start_new_session=True)
        os.close(theirs)
        self.text = ""

    def until(self, word):
        end = time.monotonic() + 60
        while word not in self.text:
            assert time.monotonic() < end, self.text
            try:
                self.text += os.read(self._ours, 4096).decode()
            except OSError:
                assert word in self.text, self.text
        self.text = self.text.partition(word)[2]

    def answer(self, text):
        os.write(self._ours, text.encode() + b"\n")

    def interrupted(self):
        """Press Ctrl-C as a person would, again where it fell between the prompt and the reading; return the exit status."""
        for _ in range(15):
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.process.wait(3)
        raise AssertionError(self.text)

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.fixture
def terminal(tmp_path):
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.close()


def test_on_a_terminal_it_asks_and_ctrl_c_leaves_nothing(terminal, tmp_path):
    terminal.until("Title [Hall 3]: ")
    terminal.answer("Hall three")
    terminal.until("Title in Chinese [Hall three]: ")
    assert terminal.interrupted() == 130
    assert list(tmp_path.iterdir()) == []


def test_find_lists_what_is_there(new, capsys, monkeypatch):
    monkeypatch.setattr(new_actions, "find_devices", lambda: [CAMERAS, Search("slow", failed="did not answer in time")])
    assert main(["station", "find"]) == 0
    heard = capsys.readouterr()
    assert heard.out == "Camera         Cam 5 (SN 123)  fake-camera:serial=0123\nCamera         Cam 9  fake-camera:serial=no: yes\n"
    assert heard.err == "slow: did not answer in time\n"
    assert main(["station", "find", "--json", "-"]) == 0
    told = yaml.safe_load(capsys.readouterr().out)
    assert told["found"][0] == {"driver": "fake-camera", "title": "Cam 5 (SN 123)", "settings": {"serial": "0123"}}
    assert told["failed"] == {"slow": "did not answer in time"}
