"""The microphone, on the monitor of a PulseAudio sink that the test plays into."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from ctypes.util import find_library
from pathlib import Path

import numpy as np
import pytest

from inspector.errors import DriverError
from inspector.plugins import load_driver

RATE_HZ = 48_000
CLICKS_S = 0.25
TONE_HZ = 1000.0


def _plugin():
    return any(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so"))


def _missing():
    needs = {
        "pulseaudio": shutil.which("pulseaudio"),
        "pulseaudio-utils": shutil.which("paplay"),
        "libasound2-plugins": _plugin(),
        "libportaudio2": find_library("portaudio"),
        "sounddevice": importlib.util.find_spec("sounddevice"),
    }
    return [name for name, there in needs.items() if not there]


needs_sound = pytest.mark.skipif(bool(_missing()), reason=f"no sound system: install {', '.join(_missing())}")


class SoundSystem:
    """A sound server with one sink, a home of its own, and the process that listens to it."""

    def __init__(self, home):
        self.home = home
        socket = home / "pulse.sock"
        (home / ".asoundrc").write_text('pcm.line { type pulse device "line.monitor" hint { show on description "line" } }\n')
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("PULSE_", "ALSA_", "DBUS_"))} | {
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home),
            "XDG_CONFIG_HOME": str(home),
            "PULSE_SERVER": f"unix:{socket}",
        }
        self._modules = [
            f"module-native-protocol-unix auth-anonymous=1 socket={socket}",
            f"module-null-sink sink_name=line rate={RATE_HZ} channels=1",
        ]
        self.start()
        probe = Path(__file__).with_name("microphone_probe.py")
        self.probe = subprocess.Popen(
            [sys.executable, "-W", "error", str(probe)],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def start(self):
        loads = [part for module in self._modules for part in ("-L", module)]
        command = ["pulseaudio", "-n", "--exit-idle-time=60", "--daemonize=no", "--use-pid-file=no", *loads]
        self.server = subprocess.Popen(command, env=self.environment, stderr=subprocess.DEVNULL)
        end_s = time.monotonic() + 20
        while subprocess.run(["pactl", "info"], env=self.environment, capture_output=True, check=False).returncode:
            assert time.monotonic() < end_s, "PulseAudio does not start"
            time.sleep(0.05)

    def play(self, samples):
        raw = self.home / "played.raw"
        raw.write_bytes((samples * 32767).astype(np.int16).tobytes())
        form = ["--raw", f"--rate={RATE_HZ}", "--channels=1", "--format=s16le", "--device=line"]
        return subprocess.Popen(["paplay", *form, str(raw)], env=self.environment)

    def ask(self, name, **arguments):
        self.probe.stdin.write(json.dumps([name, arguments]) + "\n")
        self.probe.stdin.flush()
        return self.answer()

    def answer(self):
        line = self.probe.stdout.readline()
        assert line, "the probe has ended"
        return json.loads(line)

    def kill(self):
        self.server.kill()
        self.server.wait()

    def end(self):
        self.probe.kill()
        self.probe.wait()
        self.probe.stdin.close()
        self.probe.stdout.close()
        self.kill()


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    system = SoundSystem(tmp_path_factory.mktemp("home"))
    yield system
    system.end()


def heard_while_playing(system, tmp_path, samples, seconds, **settings):
    assert system.ask("record", seconds=seconds, file=str(tmp_path / "heard.npz"), **settings) == "listens"
    player = system.play(samples)
    told = system.answer()
    player.kill()
    player.wait()
    with np.load(tmp_path / "heard.npz") as heard:
        return told, heard["samples"], heard["stamps"]


@needs_sound
def test_rate_level_and_time_of_what_is_played_are_as_played(system, tmp_path):
    t_s = np.arange(4 * RATE_HZ) / RATE_HZ
    tone = 0.5 * np.sin(2 * np.pi * TONE_HZ * t_s)
    tone[:: round(CLICKS_S * RATE_HZ)] = 0.95
    told, samples, stamps = heard_while_playing(system, tmp_path, tone, 2.2, device="line")
    assert told == {"rate_hz": RATE_HZ, "unit": "FS", "overflows": 0}
    assert stamps[0, 0] == 0
    assert np.array_equal(stamps[1:, 0], stamps[:-1, 1])
    clicks = np.flatnonzero(samples > 0.9)
    assert len(clicks) >= 4
    assert np.abs(np.diff(clicks) / RATE_HZ - CLICKS_S).max() < 1.5 / RATE_HZ
    steady = samples[clicks[1] + 1 : clicks[2]]
    assert np.sqrt(np.mean(steady**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)
    spectrum = np.abs(np.fft.rfft(steady * np.hanning(len(steady))))
    assert np.fft.rfftfreq(len(steady), 1 / RATE_HZ)[spectrum.argmax()] == pytest.approx(TONE_HZ, abs=5)
    # PulseAudio changes its own latency by a fragment, some 12 ms, now and then; a card of its own would be held to less.
    delays_s = (stamps[5:, 2] - stamps[5:, 1]) / 1e9
    assert np.percentile(np.abs(delays_s - np.median(delays_s)), 75) < 0.02


@needs_sound
def test_a_sensor_on_a_sound_card_has_its_unit_and_scale(system, tmp_path):
    tone = 0.5 * np.sin(2 * np.pi * TONE_HZ * np.arange(4 * RATE_HZ) / RATE_HZ)
    settings = {"device": "LIN", "sample_format": "int16", "scale": 50.0, "rate_hz": 44_100, "sound_channel": 1, "unit": "g"}
    told, samples, _ = heard_while_playing(system, tmp_path, tone, 1.2, **settings)
    assert told == {"rate_hz": 44_100, "unit": "g", "overflows": 0}
    played = np.abs(samples)[np.abs(samples) > 1]
    assert np.percentile(played, 95) == pytest.approx(25 * np.sin(0.95 * np.pi / 2), rel=0.02)


@needs_sound
def test_a_sound_system_that_dies_is_noticed_within_two_seconds_and_heard_again_when_it_is_back(system):
    assert system.ask("survive", device="line") == "listens"
    system.kill()
    told = system.answer()
    assert told["lost"].startswith("mic: input 'line' does not answer any more (")
    assert told["after_s"] < 2.0
    system.start()
    assert system.answer()["closing_s"] < 1.5


@needs_sound
def test_inputs_are_found_by_name_and_wrong_ones_told_with_those_there_are(system):
    assert ["line", {"device": "line"}] in [[title, {"device": settings["device"]}] for title, settings in system.ask("found")]
    assert system.ask("refused", device="line") == ""
    assert system.ask("refused", device="camera").startswith("mic: input 'camera' is not there, correct the setting device; inputs: ")
    assert "'line'" in system.ask("refused", device="camera")
    assert system.ask("refused", device=99).startswith("mic: input '99' is not there")
    assert "is the name of several inputs" in system.ask("refused", device="l")  # line, pulse, default


@needs_sound
def test_microphones_keep_the_promise(system):
    assert system.ask("checked", device="line") == []


def pace(rate_hz=1000):
    return sys.modules[load_driver("microphone").__module__]._Pace(rate_hz)


def test_lost_samples_leave_a_gap_as_long_as_the_time_that_was_lost():
    counted = pace()
    for block in range(20):
        assert counted.placed(50, block * 50_000_000 + 60_000_000, 0.05, lost=False)[0] == block * 50
    late_ns = 20 * 50_000_000 + 60_000_000 + 333_000_000
    first, _ = counted.placed(50, late_ns, 0.05, lost=True)
    assert first == pytest.approx(1000 + 333, abs=1)
    assert counted.placed(50, late_ns + 50_000_000, 0.05, lost=False)[0] == first + 50


def test_a_loss_of_unknown_length_is_never_joined():
    counted = pace()
    counted.placed(50, 50_000_000, 0.05, lost=False)
    first, _ = counted.placed(50, 100_000_000, 0.05, lost=True)
    assert first - 50 >= 3


def test_a_late_callback_is_taken_back_by_what_portaudio_tells_of_its_age():
    counted = pace()
    arrivals_ns = [
        counted.placed(50, block * 50_000_000 + late_ns, 0.2 + late_ns / 1e9, lost=False)[1]
        for block, late_ns in enumerate([0, 3_000_000, 0, 17_000_000, 40_000_000, 0])
    ]
    assert np.diff(arrivals_ns) == pytest.approx(50_000_000, abs=10_000)


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    driver = load_driver("microphone")
    with pytest.raises(DriverError, match=r"^mic: needs the package sounddevice: pip install 'line-inspector\[microphone\]'$"):
        driver(driver.Settings(), channel="mic").open()
    assert driver.discover() == []
