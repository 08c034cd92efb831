"""A video file, with its sound track if it has one, as a recording: a part every so many seconds, the file's own time stamps kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from inspector.clock import SteppedClock
from inspector.config import Station
from inspector.drivers import Camera, Driver, WaveformSource
from inspector.errors import DriverError, EndOfStream, RecordingError
from inspector.parts import Capture, Frame, Trigger, Waveform
from inspector.plugins import load_driver
from inspector.store.recording_writer import RecordingWriter

CAMERA, MICROPHONE = "camera", "microphone"
_READ_S = 3600.0
"""Nothing is waited for on a stepped clock: a timeout as long as any pause in a file."""


def import_video(video: Path, out: Path, *, every_s: float) -> int:
    """Write `video` as the recording `out`; return the number of parts. Raises DriverError, RecordingError.

    A part is the picture nearest to its trigger and the sound of the `every_s` seconds before.
    """
    clock = SteppedClock(wall_start_ns=0)
    camera = _opened("video-file", video, clock, CAMERA)
    microphone = _microphone(video, clock)
    station = _station(video, every_s, with_sound=microphone is not None)
    try:
        with RecordingWriter(out, station) as writer:
            for capture in _captures(_frames(camera), _Sound(microphone), station.station, round(every_s * 1e9)):
                writer.write(capture)
    finally:
        for driver in (camera, microphone):
            if driver is not None:
                driver.close()
    if writer.parts == 0:
        out.unlink()
        raise RecordingError(f"{video}: is shorter than one part of {every_s:g} s; give a smaller --every")
    return writer.parts


def _captures(frames: Iterator[Frame], sound: _Sound, station: str, every_ns: int) -> Iterator[Capture]:
    before: Frame | None = None
    part, due_ns = 0, None
    for frame in frames:
        due_ns = frame.t_ns + every_ns if due_ns is None else due_ns
        while frame.t_ns >= due_ns:
            nearest = before if before is not None and due_ns - before.t_ns < frame.t_ns - due_ns else frame
            part += 1
            heard = sound.cut(due_ns - every_ns, due_ns)
            yield Capture(
                Trigger(station, f"part-{part:06d}", due_ns),
                frames={CAMERA: nearest},
                waveforms={MICROPHONE: heard} if heard is not None else {},
                wall_utc_ns=due_ns,
            )
            due_ns += every_ns
        before = frame


class _Sound:
    """The sound track, read as far as it is asked for; what lies before the last cut is let go."""

    def __init__(self, source: Driver | None) -> None:
        self._source = source if isinstance(source, WaveformSource) else None
        self._run: Waveform | None = None

    def cut(self, start_ns: int, end_ns: int) -> Waveform | None:
        """Return what is heard in [start_ns, end_ns)."""
        while self._source is not None and (self._run is None or self._run.end_ns < end_ns):
            try:
                block = self._source.read(_READ_S)
            except EndOfStream:
                break
            if block is not None:
                self._run = block if self._run is None else _joined(self._run, block)
        if self._run is None:
            return None
        rate = self._run.sample_rate_hz
        first = max(0, round((start_ns - self._run.start_ns) * rate / 1e9))
        behind = max(0, round((end_ns - self._run.start_ns) * rate / 1e9))
        rest = Waveform(self._run.start_ns + round(first * 1e9 / rate), rate, self._run.samples[first:], self._run.unit)
        self._run = rest
        inside = rest.samples[: max(0, behind - first)]
        return Waveform(rest.start_ns, rate, inside, rest.unit) if len(inside) else None


def _joined(run: Waveform, block: Waveform) -> Waveform:
    """Return both in one piece, or the later one alone where a gap lies between."""
    if abs(block.start_ns - run.end_ns) > 2e9 / run.sample_rate_hz:
        return block
    return Waveform(run.start_ns, run.sample_rate_hz, np.concatenate([run.samples, block.samples]), run.unit)


def _frames(camera: Driver) -> Iterator[Frame]:
    assert isinstance(camera, Camera)
    while True:
        try:
            frame = camera.read(_READ_S)
        except EndOfStream:
            return
        if frame is not None:
            yield frame


def _microphone(video: Path, clock: SteppedClock) -> Driver | None:
    try:
        return _opened("video-sound", video, clock, MICROPHONE)
    except DriverError as error:
        if "no sound track" in str(error):
            return None
        raise


def _opened(name: str, video: Path, clock: SteppedClock, channel: str) -> Driver:
    kind = load_driver(name)
    driver = kind(kind.Settings.model_validate({"file": str(video)}), channel=channel, clock=clock)
    driver.open()
    return driver


def _station(video: Path, every_s: float, *, with_sound: bool) -> Station:
    file = {"file": str(video)}
    channels: dict[str, object] = {
        CAMERA: {"modality": "image", "driver": "video-file", "settings": file, "max_sync_error_ms": 500 * every_s}
    }
    if with_sound:
        window = {"pre_s": every_s}
        channels[MICROPHONE] = {"modality": "audio", "driver": "video-sound", "settings": file, "unit": "FS", "window": window}
    return Station.model_validate(
        {
            "station": "imported-video",
            "title": {"en": video.name, "zh": video.name},
            "trigger": {"driver": "timer", "settings": {"interval_s": every_s, "first_s": every_s}},
            "channels": channels,
        }
    )
