"""Pictures of a part for a report, as PNG. No words are drawn in them: captions say what they are, in the report's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from inspector.monitoring.spc import Chart
from inspector.parts import Series, Waveform

_DPI = 170
_INK, _NORMAL, _SPAN, _LINE = "#1f4e5f", "#98a4ab", "#f2b200", "#b92c05"
_LIMIT = "#8a5a00"
_LONGEST_SAMPLES = 1 << 18
_POINTS = 4000


def picture(path: Path, boxes: Sequence[Sequence[int]] = (), heat_map: Path | None = None, widest_px: int = 900) -> bytes:
    """Return a picture with its defects framed, under its heat map where one is given."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    if heat_map is not None:
        with Image.open(heat_map) as grey:
            heat = np.asarray(grey.convert("L").resize(image.size), dtype=np.float64) / 255
        image = Image.fromarray(_blended(np.asarray(image, dtype=np.float64), heat))
    pen = ImageDraw.Draw(image)
    thick = max(2, image.width // 250)
    for x, y, width, height in boxes:
        pen.rectangle((x, y, x + width, y + height), outline="white", width=2 * thick)
        pen.rectangle((x, y, x + width, y + height), outline=_LINE, width=thick)
    image.thumbnail((widest_px, widest_px))
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def spectrogram(wave: Waveform) -> bytes | None:
    """Return the level over time and frequency; None where there is too little signal."""
    samples = _samples(wave)
    if samples is None:
        return None
    figure, axes = _axes(1.7)
    size = int(2 ** np.clip(np.round(np.log2(wave.sample_rate_hz / 30)), 5, np.floor(np.log2(len(samples)))))
    start_s = wave.start_ns / 1e9
    power, frequencies, times, _ = axes.specgram(
        samples,
        NFFT=size,
        Fs=wave.sample_rate_hz,
        noverlap=size * 3 // 4,
        cmap="cividis",
        scale="dB",
        vmin=10 * np.log10(max(float(np.square(samples).mean()) / wave.sample_rate_hz, 1e-20)) - 25,
        xextent=(start_s, start_s + wave.duration_s),
    )
    del power, times
    axes.grid(visible=False)
    axes.set_ylim(0, float(frequencies[-1]))
    axes.axvline(0, color="white", linewidth=0.8, linestyle="--")
    return _png(figure)


def spectrum(wave: Waveform, normal: Waveform | None) -> bytes | None:
    """Return the level over frequency, over that of a part that passed where there is one."""
    samples = _samples(wave)
    if samples is None:
        return None
    figure, axes = _axes(1.7)
    for one, colour, width in ((normal, _NORMAL, 0.7), (wave, _INK, 0.9)):
        drawn = None if one is None else _samples(one)
        if one is not None and drawn is not None:
            level_db = 20 * np.log10(np.maximum(2 * np.abs(np.fft.rfft(drawn * np.hanning(len(drawn)))) / (len(drawn) / 2), 1e-9))
            axes.semilogx(np.fft.rfftfreq(len(drawn), 1 / one.sample_rate_hz)[1:], level_db[1:], color=colour, linewidth=width)
    axes.set_xlim(5, wave.sample_rate_hz / 2)
    return _png(figure)


def trend(series: Series, normal: Series | None, spans: Sequence[Mapping[str, Any]]) -> bytes | None:
    """Return a process value over time, with the spans that the diagnosis points at shaded; None where nothing was measured."""
    if not np.isfinite(series.values).any():
        return None
    figure, axes = _axes(1.3)
    for one, colour, width in ((normal, _NORMAL, 0.7), (series, _INK, 1.0)):
        if one is not None:
            step = max(1, len(one.values) // _POINTS)
            axes.plot(one.t_ns[::step] / 1e9, one.values[::step], color=colour, linewidth=width)
    for span in spans:
        axes.axvspan(span["start_s"], span["end_s"], color=_SPAN, alpha=0.3, linewidth=0)
    axes.axvline(0, color="#5b6871", linewidth=0.8, linestyle="--")
    return _png(figure)


def control(chart: Chart) -> bytes | None:
    """Return a control chart: its line and limits, and a mark on each point outside; None for no point."""
    if not len(chart.values):
        return None
    figure, axes = _axes(1.6)
    at_h = (chart.at_utc_ns - chart.at_utc_ns[0]) / 3600e9
    axes.plot(at_h, chart.values, color=_INK, linewidth=0.8)
    for level, colour in ((chart.high, _LIMIT), (chart.low, _LIMIT), (chart.centre, _NORMAL)):
        if level is not None:
            axes.axhline(level, color=colour, linewidth=0.8, linestyle="--")
    axes.plot(at_h[chart.out], chart.values[chart.out], linestyle="", marker="D", markersize=3, color=_LINE)
    return _png(figure)


def _blended(picture: NDArray[np.float64], heat: NDArray[np.float64]) -> NDArray[np.uint8]:
    from matplotlib import colormaps

    colours = np.asarray(colormaps["plasma"](heat))[..., :3] * 255
    alpha = np.clip((heat - 0.2) / 0.45, 0, 1)[..., None] * 0.7
    return (picture * (1 - alpha) + colours * alpha).astype(np.uint8)


def _samples(wave: Waveform) -> NDArray[np.float64] | None:
    samples = np.nan_to_num(np.asarray(wave.samples, dtype=np.float64)[-_LONGEST_SAMPLES:])
    return samples - samples.mean() if len(samples) >= 64 and wave.sample_rate_hz > 0 and samples.any() else None


def _axes(height_in: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(3.5, height_in), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.tick_params(labelsize=6.5, width=0.5, length=2)
    axes.grid(visible=True, color="#d6dbde", linewidth=0.4)
    for side in axes.spines.values():
        side.set_linewidth(0.5)
        side.set_color("#8b969e")
    return figure, axes


def _png(figure: Figure) -> bytes:
    file = BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
