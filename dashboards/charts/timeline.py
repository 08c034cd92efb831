"""What was recorded of one part as rows for the browser to draw on one time axis."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dashboards.words import Language, channel_name
from inspector.diagnosis.wording import unit_name
from inspector.parts import Series, Waveform
from inspector.store import StoredEvidence

_POINTS = 1500
"""A screen has no more columns; of more samples the lowest and the highest of each column are drawn."""
_SPECTROGRAM_PX = (400, 128)
_RANGE_DB = 70.0
_SOUND_UNIT = "FS"


def rows(
    evidence: StoredEvidence, spoken: Mapping[str, Sequence[Mapping[str, Any]]], sounds: Mapping[str, str], lang: Language
) -> list[Any]:
    """Return a row per signal: sounds, then vibrations, then series; those that the diagnosis points at first among their kind.

    Args:
        evidence: what was recorded; instants count from the part's trigger.
        spoken: channel -> what the diagnosis says of it, each with `start_s` and `end_s`.
        sounds: channel -> the address under which a browser finds its sound.
        lang: of the titles.
    """
    made = []
    for name, wave in sorted(evidence.waveforms.items(), key=lambda item: (item[1].unit != _SOUND_UNIT, item[0] not in spoken)):
        if len(wave.samples):
            title = {"title": channel_name(name, lang), "spans": _spans(spoken.get(name, ()))}
            made += [_sound_row(wave, sounds.get(name)) | title] if wave.unit == _SOUND_UNIT else []
            made.append(_wave_row(wave) | title)
    for name, series in sorted(evidence.series.items(), key=lambda item: item[0] not in spoken):
        if len(series.values):
            made.append(_series_row(series) | {"title": channel_name(name, lang), "spans": _spans(spoken.get(name, ()))})
    return made


def span_s(made: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return from when to when anything was recorded, in seconds from the trigger."""
    ends = [(row["t0"], row["t1"]) if "t0" in row else (row["times"][0], row["times"][-1]) for row in made]
    return min((start for start, _ in ends), default=-1.0), max(max((end for _, end in ends), default=0.1), 0.01)


def near_s(made: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return the span to show first: that of the fast signals, as the slow ones look back over minutes."""
    fast = [row for row in made if row["kind"] != "series"]
    return span_s(fast or made)


def _sound_row(wave: Waveform, address: str | None) -> dict[str, Any]:
    start_s = wave.start_ns / 1e9
    return {
        "kind": "spectrogram",
        "unit": "",
        "picture": spectrogram_address(wave),
        "t0": start_s,
        "t1": start_s + wave.duration_s,
        "sound": address,
    }


def _wave_row(wave: Waveform) -> dict[str, Any]:
    times_s = wave.start_ns / 1e9 + np.arange(len(wave.samples)) / wave.sample_rate_hz
    return {"kind": "wave", "unit": unit_name(wave.unit), **_columns(times_s, wave.samples.astype(np.float64))}


def _series_row(series: Series) -> dict[str, Any]:
    return {"kind": "series", "unit": unit_name(series.unit), **_columns(series.t_ns / 1e9, series.values)}


def _columns(times_s: NDArray[np.float64], values: NDArray[np.float64]) -> dict[str, Any]:
    """Return times with values, or where there are too many, with the lowest and highest of each column; a gap is None."""
    if len(values) <= 2 * _POINTS:
        return {"times": _plain(times_s), "values": _plain(values)}
    edges = np.linspace(0, len(values), _POINTS + 1).astype(int)[:-1]
    low = np.minimum.reduceat(np.nan_to_num(values), edges)
    high = np.maximum.reduceat(np.nan_to_num(values), edges)
    return {"times": _plain(times_s[edges]), "low": _plain(low), "high": _plain(high)}


def spectrogram_address(wave: Waveform) -> str:
    """Return the level over time and frequency as a picture inside an address: low frequencies at the bottom, 70 dB from dark to light."""
    from scipy.signal import spectrogram

    samples = np.nan_to_num(wave.samples.astype(np.float64))
    size = int(2 ** np.clip(np.round(np.log2(wave.sample_rate_hz / 30)), 5, max(5, np.floor(np.log2(max(len(samples), 32))))))
    size = min(size, len(samples))
    step = max(1, (len(samples) - size) // _SPECTROGRAM_PX[0])
    power = spectrogram(samples, wave.sample_rate_hz, nperseg=size, noverlap=max(0, size - step), mode="magnitude")[2]
    level_db = 20 * np.log10(np.maximum(power, 1e-9))
    shade = np.clip((level_db - level_db.max()) / _RANGE_DB + 1, 0, 1)
    grey = Image.fromarray((shade[::-1] * 255).astype(np.uint8)).resize(_SPECTROGRAM_PX, Image.Resampling.BILINEAR)
    grey.putpalette(_palette().tobytes())
    file = BytesIO()
    grey.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _palette() -> NDArray[np.uint8]:
    """Return 256 colours from dark blue over grey to yellow, rising in lightness, that people of all colour sights tell apart."""
    stops = np.array([[0, 0, 32, 76], [0.25, 58, 75, 107], [0.5, 124, 123, 120], [0.75, 187, 174, 101], [1, 255, 234, 70]])
    shade = np.linspace(0, 1, 256)
    return np.stack([np.interp(shade, stops[:, 0], stops[:, channel]) for channel in (1, 2, 3)], axis=1).astype(np.uint8)


def _plain(values: NDArray[Any]) -> list[float | None]:
    return [round(float(value), 6) if np.isfinite(value) else None for value in values]


def _spans(said: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    spans = {(item.get("start_s"), item.get("end_s")) for item in said}
    return [[float(start_s), float(end_s)] for start_s, end_s in sorted(spans) if start_s is not None and end_s is not None]
