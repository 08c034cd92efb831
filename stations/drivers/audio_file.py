"""A sound file (WAV, FLAC, OGG) as a microphone or any other waveform, at the file's own rate."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from inspector import drivers
from inspector.drivers import StationPath, WaveformSource
from inspector.errors import DriverError, EndOfStream
from inspector.parts import Waveform

BLOCK_S = 0.1


class AudioFileSettings(drivers.Settings):
    file: StationPath = Field(description="WAV, FLAC or OGG")
    track: int = Field(default=0, ge=0, description="which of the file's channels, from 0")
    first_s: float = Field(default=0.0, ge=0, description="the first sample, from the start of the station's clock")
    scale: float = Field(default=1.0, description="unit per full scale, e.g. 50 where full scale means 50 m/s2")


class AudioFile(WaveformSource):
    """Blocks of 100 ms; each comes when its last sample would have been heard."""

    Settings: ClassVar[type[drivers.Settings]] = AudioFileSettings
    steppable = True

    def __init__(self, settings: AudioFileSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._file: Any = None
        self._position = 0

    def open(self) -> None:
        import soundfile

        if self._file is not None:
            return
        path = self.settings.file
        try:
            self._file = soundfile.SoundFile(path)
        except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
            what = "cannot be decoded as sound" if path.is_file() else "does not exist"
            raise DriverError(f"{path}: {what}", channel=self.channel) from error
        if self.settings.track >= self._file.channels:
            self.close()
            raise DriverError(f"{path}: has no track {self.settings.track}", channel=self.channel)
        self._file.seek(self._position)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def read(self, timeout_s: float) -> Waveform | None:
        if self._file is None:
            raise DriverError("is not open, call open() first", channel=self.channel)
        rate_hz = float(self._file.samplerate)
        count = min(max(1, round(BLOCK_S * rate_hz)), self._file.frames - self._position)
        if count <= 0:
            raise EndOfStream(f"{self.settings.file}: is over", channel=self.channel)
        if not self.due(self._ns(self._position + count, rate_hz), timeout_s):
            return None
        samples = self._samples(count)
        block = Waveform(self._ns(self._position, rate_hz), rate_hz, samples, self.unit or "FS")
        self._position += len(samples)
        return block

    def _samples(self, count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        import soundfile

        try:
            block = self._file.read(count, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            self._position += count
            raise DriverError(f"{self.settings.file}: is damaged at sample {self._position - count}", channel=self.channel) from error
        if len(block) == 0:
            raise EndOfStream(f"{self.settings.file}: ends before its header says", channel=self.channel)
        return np.ascontiguousarray(block[:, self.settings.track] * np.float32(self.settings.scale))

    def _ns(self, position: int, rate_hz: float) -> int:
        return int(self.clock.epoch_ns + round((self.settings.first_s + position / rate_hz) * 1e9))
