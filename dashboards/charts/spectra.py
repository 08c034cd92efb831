"""Sound and vibration as figures: spectrogram, spectrum, envelope spectrum, with the lines that a machine is expected to show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboards.charts.style import NORMAL_LINE, THIS_LINE, mark, plain
from dashboards.words import Language, say
from inspector.config import MachineConfig
from inspector.diagnosis.wording import unit_name
from inspector.parts import Waveform

_F = NDArray[np.float64]

_LONGEST_SAMPLES = 1 << 19
_FEWEST_SAMPLES = 64
_FLOOR_DB = -120.0
_COLUMNS = 240
_POINTS = 1500
_LOWEST_HZ = 5.0
_SHAFT_MULTIPLES = (1, 2, 3)
_ENVELOPE_TOP_HZ = 400.0
_HEIGHT_PX = 270


def warm_up() -> None:
    """Load what the first spectrogram needs: seconds that nobody should wait for."""
    import librosa

    librosa.stft(np.zeros(1024, np.float32), n_fft=256)


def spectrogram(wave: Waveform, lang: Language, drove: Sequence[Mapping[str, Any]] = ()) -> go.Figure | None:
    """Return level over time (s to the trigger, which is `start_ns` 0) and frequency; None where there is too little signal.

    What `drove` the verdict (attributions of this channel) is framed: its band and its span.
    """
    samples = _samples(wave)
    if samples is None:
        return None
    size = int(2 ** np.clip(round(math.log2(wave.sample_rate_hz / 30)), 6, math.floor(math.log2(len(samples)))))
    import librosa  # seconds of import: not for the pages that draw no sound

    step = max(1, (len(samples) - size) // _COLUMNS)
    short_time = librosa.stft(samples, n_fft=size, hop_length=step, center=False)
    # Full scale of a sine is 0 dB: a Hann window halves its amplitude, and half of that is at the negative frequency.
    level_db = librosa.amplitude_to_db(np.abs(short_time) / (size / 4), ref=1.0, amin=10 ** (_FLOOR_DB / 20), top_db=None)
    frames = np.arange(level_db.shape[1])
    times_s = wave.start_ns / 1e9 + librosa.frames_to_time(frames, sr=wave.sample_rate_hz, hop_length=step, n_fft=size)
    figure = go.Figure(
        go.Heatmap(
            x=times_s,
            y=librosa.fft_frequencies(sr=wave.sample_rate_hz, n_fft=size),
            z=level_db.astype(np.float32),
            colorscale="Cividis",
            zmin=float(np.percentile(level_db, 5)),
            zmax=float(level_db.max()),
            colorbar={"title": {"text": "dB", "side": "top"}, "thickness": 10, "outlinewidth": 0},
            hovertemplate="%{x:.3f} s, %{y:.0f} Hz: %{z:.0f} dB<extra></extra>",
        )
    )
    for item in drove:
        low_hz, high_hz = item.get("band_hz") or (0, wave.sample_rate_hz / 2)
        figure.add_shape(type="rect", x0=item["start_s"], x1=item["end_s"], y0=low_hz, y1=high_hz, line={"color": "#ffffff", "width": 2.5})
    figure.add_vline(x=0, line={"color": "#ffffff", "width": 1.5, "dash": "dash"})
    return plain(figure, height_px=_HEIGHT_PX, x=f"{say('time_to_trigger', lang)} (s)", y=f"{say('frequency', lang)} (Hz)")


def spectrum(wave: Waveform, normal: Waveform | None, normal_part: str, machine: MachineConfig, lang: Language) -> go.Figure | None:
    """Return the level spectrum with the shaft's multiples marked, over that of a part that passed."""
    curve = _level_curve(wave)
    if curve is None:
        return None
    figure = _two_lines(curve, _level_curve(normal) if normal else None, normal_part, lang)
    for multiple in _SHAFT_MULTIPLES if machine.shaft_hz else ():
        mark(figure, multiple * (machine.shaft_hz or 0), say("shaft", lang, n=multiple), log=True)
    figure.update_xaxes(type="log", dtick=1, range=[math.log10(_LOWEST_HZ), math.log10(curve[0][-1])])
    return plain(
        figure,
        height_px=_HEIGHT_PX,
        x=f"{say('frequency', lang)} (Hz)",
        y=f"{say('level', lang)} (dB re 1 {unit_name(wave.unit)})",
        legend=True,
    )


def envelope_spectrum(
    wave: Waveform, normal: Waveform | None, normal_part: str, machine: MachineConfig, lang: Language
) -> go.Figure | None:
    """Return the spectrum of the vibration's envelope, where a damaged bearing shows its own frequencies."""
    curve = _envelope_curve(wave)
    if curve is None:
        return None
    figure = _two_lines(curve, _envelope_curve(normal) if normal else None, normal_part, lang)
    for name, line_hz in bearing_lines_hz(machine).items():
        if line_hz < curve[0][-1]:
            mark(figure, line_hz, name)
    return plain(
        figure,
        height_px=_HEIGHT_PX,
        x=f"{say('frequency', lang)} (Hz)",
        y=f"{say('amplitude', lang)} ({unit_name(wave.unit)})",
        legend=True,
    )


def bearing_lines_hz(machine: MachineConfig) -> dict[str, float]:
    """Return the frequencies to expect in an envelope spectrum; empty where the machine is not described."""
    if machine.shaft_hz is None:
        return {}
    lines: Mapping[str, float] = {"1×": 1.0}
    if machine.bearing is not None:
        bearing = machine.bearing
        lines = {
            **lines,
            "FTF": bearing.ftf_per_rev,
            "BSF": bearing.bsf_per_rev,
            "BPFO": bearing.bpfo_per_rev,
            "BPFI": bearing.bpfi_per_rev,
            "2×BPFO": 2 * bearing.bpfo_per_rev,
        }
    return {name: turns * machine.shaft_hz for name, turns in lines.items()}


def _samples(wave: Waveform) -> _F | None:
    """Return what of the samples can be drawn, without mean and gaps; None where that is too little."""
    samples = np.asarray(wave.samples, dtype=np.float64).ravel()[-_LONGEST_SAMPLES:]
    samples = np.where(np.isfinite(samples), samples, 0.0)
    if len(samples) < _FEWEST_SAMPLES or not wave.sample_rate_hz > 0:
        return None
    centred: _F = samples - samples.mean()
    return centred


def _amplitudes(samples: _F) -> _F:
    window = np.hanning(len(samples))
    amplitudes: _F = 2 * np.abs(np.fft.rfft(samples * window)) / window.sum()
    return amplitudes


def _level_curve(wave: Waveform) -> tuple[_F, _F] | None:
    samples = _samples(wave)
    if samples is None:
        return None
    frequencies: _F = np.fft.rfftfreq(len(samples), 1 / wave.sample_rate_hz)[1:].astype(np.float64)
    level_db = 20 * np.log10(np.maximum(_amplitudes(samples)[1:], 10 ** (_FLOOR_DB / 20)))
    return _thinned(frequencies, level_db)


def _thinned(frequencies: _F, values: _F) -> tuple[_F, _F]:
    """Keep the highest value of each of some log-spaced bands: a screen has no more columns, and peaks must survive."""
    if len(values) <= _POINTS:
        return frequencies, values
    edges = np.unique(np.geomspace(1, len(values), _POINTS).astype(int) - 1)
    peaks = np.maximum.reduceat(values, edges)
    return frequencies[edges], peaks


def _envelope_curve(wave: Waveform) -> tuple[_F, _F] | None:
    samples = _samples(wave)
    if samples is None:
        return None
    frequencies = np.fft.fftfreq(len(samples), 1 / wave.sample_rate_hz)
    # Resonances that impacts excite lie high; the lower quarter holds the shaft's own harmonics, which would drown them.
    analytic = np.fft.ifft(np.where(frequencies > wave.sample_rate_hz / 8, 2 * np.fft.fft(samples), 0))
    envelope = np.abs(analytic)
    amplitudes = _amplitudes(envelope - envelope.mean())
    kept: _F = np.fft.rfftfreq(len(samples), 1 / wave.sample_rate_hz).astype(np.float64)
    shown = (kept > 2.0) & (kept <= min(_ENVELOPE_TOP_HZ, wave.sample_rate_hz / 4))
    return (kept[shown], amplitudes[shown]) if shown.any() else None


def _two_lines(curve: tuple[_F, _F], normal: tuple[_F, _F] | None, normal_part: str, lang: Language) -> go.Figure:
    figure = go.Figure()
    if normal is not None:
        name = say("normal_line", lang, part=normal_part)
        figure.add_scatter(x=normal[0], y=normal[1], mode="lines", line={"color": NORMAL_LINE, "width": 1.2}, name=name)
    figure.add_scatter(x=curve[0], y=curve[1], mode="lines", line={"color": THIS_LINE, "width": 1.6}, name=say("this_part_line", lang))
    figure.update_traces(hovertemplate="%{x:.1f} Hz: %{y:.3g}")
    return figure
