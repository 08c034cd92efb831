"""The envelopes of a signal's frequency bands: where impacts ring a resonance, and at which rates they come.

One transform of the whole signal; a band's bins alone, transformed back, are the complex envelope of that band at the band's own low
rate. So bands of any width at any sampling rate cost one transform each, as in the fast kurtogram (Antoni 2007). Long arrays are worked
on in place: asking for fresh memory costs more than the arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from inspector.diagnosis.spectra.spectrogram import Array, Samples, above_background, block_means, power_of

_LONGEST_PIECE_S = 3.0
"""Rolling elements slip, and over longer spans their lines are smeared: longer signals are read in pieces and averaged."""
_MOST_PIECES = 6
_SHORTEST_S = 0.1
_FEWEST_LINES = 32
_SPARE = 1.5
"""A band's level is kept at a rate of at least so many times twice the highest line that is wanted."""
_DB_PER_NEPER = 10 / np.log(10)
_MOMENTS = 20
"""Into so many moments the window is cut to ask whether more than one of them is impulsive."""


@dataclass(frozen=True, slots=True)
class Envelopes:
    """Per band: its spectral kurtosis and the spectrum of the logarithm of its envelope.

    The logarithm keeps one loud knock from outweighing a hundred small impacts (Borghesani and Antoni 2018).
    """

    above_db: Array
    """(band, frequency): how far each line stands above its neighbourhood."""
    swing_db: Array
    """(band, frequency): by how much the band's level rises and falls at that rate, amplitude in dB."""
    step_hz: float
    width_hz: float
    """Half the width of a pure beat's line."""
    middles_hz: Array
    kurtoses: Array
    """Spectral kurtosis: 0 for steady noise, -1 for a tone, 1.9 for noise whose amplitude swings fully, above that impacts."""
    kurtoses_of_rest: Array
    """The same without the loudest moment: what a single knock does not raise."""

    @classmethod
    def of(cls, signal: Samples, rate_hz: float, top_hz: float) -> Envelopes | None:
        """Return the envelopes with their lines up to `top_hz`; None where the signal is too short or its rate too low for that."""
        pieces = _pieces(signal, rate_hz)
        bands = _bands(rate_hz, top_hz)
        duration_s = len(pieces[0]) / rate_hz
        if not bands or duration_s < _SHORTEST_S or int(top_hz * 2 * duration_s) < _FEWEST_LINES:
            return None
        found = [_piece(piece, rate_hz, bands, top_hz) for piece in pieces]
        swings = [spectra for spectra, _, _ in found]
        swing_db = swings[0] if len(swings) == 1 else np.sqrt(np.mean(np.square(swings), axis=0))
        return cls(
            above_db=above_background(20 * np.log10(swing_db + 1e-12), block=64),
            swing_db=swing_db,
            step_hz=rate_hz / len(pieces[0]) / 2,
            width_hz=1.25 * rate_hz / len(pieces[0]),
            middles_hz=np.concatenate([lows_hz + width_hz / 2 for width_hz, lows_hz in bands]),
            kurtoses=np.mean([whole for _, whole, _ in found], axis=0),
            kurtoses_of_rest=np.mean([rest for _, _, rest in found], axis=0),
        )


def _pieces(signal: Samples, rate_hz: float) -> list[Samples]:
    """Return the signal, or up to six pieces of equal length spread over a long one."""
    longest = int(_LONGEST_PIECE_S * rate_hz)
    if len(signal) <= longest:
        return [signal]
    count = min(-(-len(signal) // longest), _MOST_PIECES)
    length = min(longest, len(signal) // count)
    starts = np.linspace(0, len(signal) - length, count).astype(int)
    return [signal[start : start + length] for start in starts]


def _bands(rate_hz: float, top_hz: float) -> list[tuple[float, Array]]:
    """Return (width, lower edges) of half-overlapping bands of two widths, each wide enough for lines up to `top_hz`."""
    lowest_hz, width_hz = min(500.0, rate_hz / 32), max(rate_hz / 16, 1.2 * top_hz)
    edges = [(wide_hz, np.arange(lowest_hz, 0.48 * rate_hz - wide_hz, wide_hz / 2)) for wide_hz in (width_hz, 2 * width_hz)]
    return [(wide_hz, lows_hz) for wide_hz, lows_hz in edges if len(lows_hz)]


def _piece(signal: Samples, rate_hz: float, bands: list[tuple[float, Array]], top_hz: float) -> tuple[Array, Array, Array]:
    """Return (swings in dB (band, frequency), kurtoses, kurtoses of the rest) of one piece."""
    count = len(signal)
    spectrum = fft.rfft(_faded(signal))
    points = int(top_hz * 2 * count / rate_hz) + 1  # lines half a resolution apart
    swings, wholes, rests = [], [], []
    for width_hz, lows_hz in bands:
        bins = int(width_hz * count / rate_hz)
        first = (lows_hz * count / rate_hz).astype(int)
        pieces = spectrum[first[:, None] + np.arange(bins)]
        pieces *= np.hanning(bins + 2)[1:-1].astype(np.float32)
        # the square doubles the bandwidth: padded as far as the lines that are wanted ask for, and to a length that is quick to transform
        length = fft.next_fast_len(int(bins * min(max(1.0, 2.4 * top_hz / width_hz), 2.0)))
        analytic = fft.ifft(pieces, length, axis=1, overwrite_x=True)
        power = power_of(analytic)[:, max(1, length // 40) : -max(1, length // 40)]
        power /= power.mean(axis=1, keepdims=True) + 1e-30
        squares = power * power
        wholes.append(squares.mean(axis=1) - 2)
        rests.append(_kurtosis_of_rest(power, squares))
        power += np.float32(1e-3)
        swings.append(_swings_db(np.log(power, out=power), length, points))
    return np.concatenate(swings), np.concatenate(wholes), np.concatenate(rests)


def _swings_db(level: Samples, length: int, points: int) -> Array:
    """Return the amplitude spectrum of each band's level, in dB; the first `points` at half the step of a transform over `length`."""
    block = max(1, int(length / (points * _SPARE)))
    # means of blocks hold all that is wanted, and what they lose toward the top is known
    level = block_means(level, block)
    level -= level.mean(axis=1, keepdims=True)
    window = np.hanning(level.shape[1]).astype(np.float32)
    padded = 2 * length / block
    level *= window
    lines = fft.rfft(level, round(padded), axis=1)[:, :points]
    lost = np.sinc(np.arange(lines.shape[1]) * block / (2 * length))
    return np.asarray(np.abs(lines) / lost * (2 * _DB_PER_NEPER / window.sum()), dtype=np.float64)


def _kurtosis_of_rest(power: Samples, squares: Samples) -> Array:
    """Return the kurtosis without the loudest moment and the louder of its neighbours, in case it was cut in two."""
    length = power.shape[1] // _MOMENTS
    energy, fourth = (values[:, : length * _MOMENTS].reshape(len(power), _MOMENTS, length).sum(axis=2) for values in (power, squares))
    pairs = energy[:, 1:] + energy[:, :-1]
    first = pairs.argmax(axis=1)
    rows, left = np.arange(len(power)), (_MOMENTS - 2) * length
    mean = (energy.sum(axis=1) - pairs[rows, first]) / left
    rest = (fourth.sum(axis=1) - fourth[rows, first] - fourth[rows, first + 1]) / left
    return np.asarray(rest / (mean**2 + 1e-30) - 2, dtype=np.float64)


def _faded(signal: Samples) -> Samples:
    """Return a signal that fades over 2 % at both ends, so that the cut rings in no band."""
    ramp = np.linspace(0, 1, max(1, len(signal) // 50), dtype=np.float32)
    faded = signal.copy()
    faded[: len(ramp)] *= ramp
    faded[-len(ramp) :] *= ramp[::-1]
    return faded
