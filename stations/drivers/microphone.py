"""A sound card's input through PortAudio: microphones, and vibration sensors on a card that feeds them (IEPE)."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from inspector import drivers
from inspector.drivers import Found, WaveformSource
from inspector.errors import DriverError
from inspector.parts import Waveform
from stations.protocols.extras import required

FULL_SCALE = {"float32": 1.0, "int32": 2.0**31, "int16": 2.0**15}
KEPT_S = 2.0
"""What is not read for so long is dropped, and counted."""
SHORTEST_GAP_S = 0.003
"""A loss of unknown length is at least this long, which nothing downstream takes for jitter."""
START_S = 3.0
"""A sound system that rested may take so long until its first block."""
LATEST_NS = 200_000_000
"""A callback may run this much late; a larger correction is a fault of PortAudio's clock."""
RECENT = 200
"""Callbacks (10 s) among which the promptest is looked for."""
LEAVE_S = 1.0


class MicrophoneSettings(drivers.Settings):
    device: int | str = Field(default="", description="part of the input's name, or its number; the system's own choice where not given")
    rate_hz: int = Field(default=48_000, ge=1000, le=768_000, description="samples a second")
    sound_channel: int = Field(default=0, ge=0, le=63, description="which channel of the input, counted from 0")
    sample_format: Literal["float32", "int32", "int16"] = Field(default="float32", description="how samples are asked of the card")
    scale: float = Field(default=1.0, gt=0, description="what full scale is in the unit of the channel, e.g. 50 (g) of an accelerometer")
    block_s: float = Field(default=0.05, ge=0.01, le=0.5, description="length of a block")
    silence_s: float = Field(default=1.0, gt=0, le=60, description="an input from which nothing comes for so long is lost")


class Microphone(WaveformSource):
    """Samples on the clock that counts them: number / rate, from 0 at opening.

    Where the card lost samples the count goes on by the time that passed, so that a gap stays a gap.

    Attributes:
        overflows: how often the card lost samples, so far.
        dropped: blocks that were not read in time, so far.
    """

    Settings: ClassVar[type[drivers.Settings]] = MicrophoneSettings
    own_clock = True

    def __init__(self, settings: MicrophoneSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self.overflows = self.dropped = 0
        self._input: _Input | None = None

    def open(self) -> None:
        if self._input is None:
            self._input = _Input(self)

    def close(self) -> None:
        if self._input is not None:
            taken, self._input = self._input, None
            taken.close()

    def read(self, timeout_s: float) -> Waveform | None:
        if self._input is None:
            raise DriverError("is not open, call open() first", channel=self.channel)
        block = self._input.next(timeout_s)
        if block is None:
            return None
        first, samples, self.arrived_ns = block
        settings: MicrophoneSettings = self.settings
        scaled = samples.astype(np.float32) * np.float32(settings.scale / FULL_SCALE[settings.sample_format])
        return Waveform(round(first * 1e9 / settings.rate_hz), float(settings.rate_hz), scaled, self.unit or "FS")

    @classmethod
    def discover(cls) -> list[Found]:
        try:
            sound = _sound("discover")
            with _SYSTEM:
                _refresh(sound)
                inputs = _inputs(sound)
        except Exception:  # noqa: BLE001  whatever a sound system does, looking for devices must go on
            return []
        return [Found(name, {"device": name, "rate_hz": round(found["default_samplerate"])}) for name, found in inputs.items()]


class _Input:
    """An open stream of PortAudio, and what it has called back with."""

    def __init__(self, microphone: Microphone) -> None:
        self._microphone = microphone
        self._settings: MicrophoneSettings = microphone.settings
        self._clock = microphone.clock
        self._changed = threading.Condition()
        self._blocks: deque[tuple[int, NDArray[Any], int]] = deque()
        self._most = max(2, round(KEPT_S / self._settings.block_s))
        self._pace = _Pace(self._settings.rate_hz)
        self._last_ns = self._clock.now_ns()
        self._begun = self._ended = False
        self._stream = self._opened()

    def next(self, timeout_s: float) -> tuple[int, NDArray[Any], int] | None:
        """Return number of the first sample, samples, and arrival of the next block."""
        with self._changed:
            self._changed.wait_for(lambda: self._blocks or self._ended, timeout=timeout_s)
            if self._blocks:
                return self._blocks.popleft()
            silent_s = (self._clock.now_ns() - self._last_ns) / 1e9
        if self._ended or silent_s > (self._settings.silence_s if self._begun else max(START_S, self._settings.silence_s)):
            why = "the sound system ended it" if self._ended else f"nothing came for {silent_s:.1f} s"
            raise self._error(f"does not answer any more ({why}), plug it in again or start the sound system")
        return None

    def close(self) -> None:
        """Let the device go; a sound system that died may hang in this, and is left to itself then."""
        closing = threading.Thread(target=self._close, name=f"closes {self._microphone.channel}", daemon=True)
        closing.start()
        closing.join(timeout=LEAVE_S)

    def _close(self) -> None:
        try:
            self._stream.close(ignore_errors=True)
        finally:
            with _SYSTEM:
                _OPEN.discard(self)

    def _opened(self) -> Any:
        sound = _sound(self._microphone.channel)
        settings = self._settings
        with _SYSTEM:
            _refresh(sound)
            number, device = self._chosen(sound)
            channels = int(device["max_input_channels"])
            if settings.sound_channel >= channels:
                raise self._error(f"has {channels} channel(s), lower sound_channel")
            try:
                stream = self._started(sound, number)
            except sound.PortAudioError as error:
                usual = f"its usual rate is {device['default_samplerate']:g} Hz"
                raise self._error(
                    f"cannot be opened at {settings.rate_hz} Hz as {settings.sample_format} ({_reason(error)}); {usual}, "
                    "correct rate_hz or sample_format, or end the program that uses it"
                ) from error
            _OPEN.add(self)
        return stream

    def _started(self, sound: Any, number: int) -> Any:
        stream = sound.InputStream(
            device=number,
            samplerate=self._settings.rate_hz,
            channels=self._settings.sound_channel + 1,
            dtype=self._settings.sample_format,
            blocksize=round(self._settings.block_s * self._settings.rate_hz),
            callback=self._take,
            finished_callback=self._finish,
        )
        try:
            stream.start()
        except sound.PortAudioError:
            stream.close(ignore_errors=True)
            raise
        return stream

    def _chosen(self, sound: Any) -> tuple[int, Any]:
        wanted = self._settings.device
        if wanted == "":
            try:
                device = sound.query_devices(kind="input")
            except (sound.PortAudioError, ValueError) as error:
                raise self._error("does not exist, plug a microphone in or name one in the setting device") from error
            return int(device["index"]), device
        inputs = _inputs(sound)
        exact = [d for name, d in inputs.items() if wanted in (name, d["index"])]
        like = exact or [d for name, d in inputs.items() if isinstance(wanted, str) and wanted.lower() in name.lower()]
        if len(like) == 1:
            return int(like[0]["index"]), like[0]
        found = ", ".join(f"{d['index']} '{name}'" for name, d in inputs.items()) or "none"
        raise self._error(f"{'is not there' if not like else 'is the name of several inputs'}, correct the setting device; inputs: {found}")

    def _take(self, samples: NDArray[Any], count: int, times: Any, status: Any) -> None:
        """Take a block; called by PortAudio's thread."""
        now_ns = self._clock.now_ns()
        first, arrived_ns = self._pace.placed(count, now_ns, times.currentTime - times.inputBufferAdcTime, lost=status.input_overflow)
        with self._changed:
            self._last_ns, self._begun = now_ns, True
            self._microphone.overflows += bool(status.input_overflow)
            self._blocks.append((first, samples[:, self._settings.sound_channel].copy(), arrived_ns))
            if len(self._blocks) > self._most:
                self._blocks.popleft()
                self._microphone.dropped += 1
            self._changed.notify_all()

    def _finish(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _error(self, what: str) -> DriverError:
        name = f"input '{self._settings.device}'" if self._settings.device != "" else "the default input"
        return DriverError(f"{name} {what}", channel=self._microphone.channel)


class _Pace:
    """Counts samples, and knows when a block should have come."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._count = 0
        self._ages_s: deque[float] = deque(maxlen=RECENT)
        self._delays_ns: deque[int] = deque(maxlen=RECENT)

    def placed(self, count: int, now_ns: int, age_s: float, *, lost: bool) -> tuple[int, int]:
        """Return the number of a block's first sample, and when its last one reached the computer.

        Args:
            age_s: of the first sample when the callback ran, as PortAudio tells; only how it differs from one callback to the next is
                believed, as many sound systems do not know the constant part.
            lost: whether samples were lost just before.
        """
        self._ages_s.append(age_s)
        late_ns = round((age_s - min(self._ages_s)) * 1e9)
        arrived_ns = now_ns - (late_ns if late_ns < LATEST_NS else 0)
        delay_ns = arrived_ns - round((self._count + count) * 1e9 / self._rate_hz)
        if lost:
            missing_s = (delay_ns - min(self._delays_ns, default=delay_ns)) / 1e9
            skipped = round(max(missing_s, SHORTEST_GAP_S) * self._rate_hz)
            self._count += skipped
            delay_ns -= round(skipped * 1e9 / self._rate_hz)
        self._delays_ns.append(delay_ns)
        first = self._count
        self._count += count
        return first, arrived_ns


_SYSTEM = threading.Lock()
_OPEN: set[_Input] = set()
"""PortAudio looks for devices only when it starts, and restarting it ends all that is open."""


def _sound(channel: str) -> Any:
    try:
        return required("sounddevice", "microphone", channel)
    except OSError as error:
        raise DriverError("needs the library PortAudio, install it (on Debian and Ubuntu: libportaudio2)", channel=channel) from error


def _refresh(sound: Any) -> None:
    """Let PortAudio look for devices that came or went, where nothing is open."""
    if not _OPEN:
        sound._terminate()
        sound._initialize()


def _inputs(sound: Any) -> dict[str, Any]:
    return {device["name"]: device for device in sound.query_devices() if device["max_input_channels"] > 0}


def _reason(error: Exception) -> str:
    return str(error.args[0] if error.args else error).removeprefix("Error opening InputStream: ").lower()
