"""How loud, and where in the spectrum: bands, octaves, hiss, squeal."""

from __future__ import annotations

import numpy as np

from inspector.diagnosis.measurements import Sheet
from inspector.diagnosis.medians import medians, quantile
from inspector.diagnosis.spectra.spectrogram import Array, Spectrogram, above_background, decibel

NAMED_BANDS_HZ = {
    "rumble": (15.0, 120.0),
    "low": (120.0, 500.0),
    "mid": (500.0, 2000.0),
    "high": (2000.0, 3000.0),
    "hiss": (3000.0, 7000.0),
    "ultrasonic": (20000.0, 80000.0),
}
OCTAVES_HZ = tuple(31.25 * 2**n for n in range(12))
SQUEAL_LOWEST_HZ = 500.0


def note_bands(sheet: Sheet, spectrogram: Spectrogram) -> None:
    """Note level, share and lasting level of the named bands, the level of each octave, and what hiss is made of."""
    mean = spectrogram.frames.mean(axis=0)
    total = float(mean[1:].sum())
    nyquist_hz = float(spectrogram.hz[-1])
    for name, (low_hz, high_hz) in NAMED_BANDS_HZ.items():
        part = spectrogram.within(low_hz, high_hz)
        if part.stop - part.start < 2 or not _holds(nyquist_hz, low_hz, high_hz):
            continue
        power = float(mean[part].sum())
        sheet.note(f"band_{name}", decibel(power), "dB")
        sheet.note(f"share_{name}", decibel(power / total) if total > 0 else np.nan, "dB")
        # the quiet frames: what sounds all the time (a leak), and not what strikes now and then
        sheet.note(f"floor_{name}", decibel(quantile(np.sort(spectrogram.frames[:, part].sum(axis=1)), 0.2)), "dB")
    hiss = mean[spectrogram.within(*NAMED_BANDS_HZ["hiss"])]
    if len(hiss) > 8 and hiss.min() > 0 and _holds(nyquist_hz, *NAMED_BANDS_HZ["hiss"]):
        sheet.note("flatness_hiss", float(np.exp(np.log(hiss).mean()) / hiss.mean()), "")
    for centre_hz in OCTAVES_HZ:
        part = spectrogram.within(centre_hz / 2**0.5, centre_hz * 2**0.5)
        if part.stop - part.start >= 2 and nyquist_hz >= centre_hz:
            sheet.note(f"octave_{centre_hz:.0f}", decibel(mean[part].sum()), "dB")
    sheet.note("centroid", float((mean * spectrogram.hz).sum() / mean.sum()) if mean.sum() > 0 else np.nan, "Hz")


def _holds(nyquist_hz: float, low_hz: float, high_hz: float) -> bool:
    """Tell whether a sampling rate holds at least half of a band, in octaves: what is said of less would not be true of the band."""
    return nyquist_hz**2 >= low_hz * high_hz


def note_squeal(sheet: Sheet, spectrogram: Spectrogram) -> None:
    """Note the most prominent narrow tone above 500 Hz, its harmonics counted with it."""
    spectrum = medians(spectrogram.frames, axis=0)
    above = above_background(10 * np.log10(spectrum + 1e-30), block=32)
    first = int(np.searchsorted(spectrogram.hz, SQUEAL_LOWEST_HZ))
    last = int(len(spectrogram.hz) * 0.95)
    if last - first < 16:
        return
    peaks = first + np.argsort(above[first:last])[-8:]
    scores = [above[peak] + 0.3 * _harmonic_db(above, int(peak), last) for peak in peaks]
    best = int(np.argmax(scores))
    sheet.note("squeal", scores[best], "dB", at_hz=float(spectrogram.hz[peaks[best]]))


def _harmonic_db(above: Array, peak: int, last: int) -> float:
    """Return the mean prominence at 2 and 3 times a peak, as far as the spectrum reaches; 0 where it does not."""
    found = [above[max(n * peak - n, 0) : n * peak + n + 1].max() for n in (2, 3) if n * peak + n < last]
    return float(np.clip(np.mean(found), 0, 30)) if found else 0.0
