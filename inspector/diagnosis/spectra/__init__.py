"""What sound, vibration and current say, at any sampling rate: a room per question.

waveform      one signal to its quantities, and what is wrong with the signal itself
spectrogram   power over time and frequency
bands         how loud, and where in the spectrum: bands, octaves, hiss, squeal
events        what happens within the window: loudness steps, impacts, sticking and slipping
speeds        a measured speed, and signals that follow it
orders        what turns: the shaft's speed and harmonics, gear mesh, blades, belt
envelopes     spectral kurtosis of every band, and the spectra of their envelopes
combs         rows of harmonics, and how high they come by chance
bearings      the lines of a damaged bearing, against what chance reaches in the same spectra
beats         regular impacts that nobody foretold, and what they say of the declared geometry
condition     sound, outer race, inner race or rolling element, by rules of physics alone

All spectra are plain FFTs: a part's window is short, and an import of scipy.signal costs more than all of them together. Amplitudes
are peak amplitudes in the channel's unit, levels are dB re 1 unit (sound: dB re full scale).
"""

from inspector.diagnosis.spectra.events import STICK_SLIP_HZ, two_means
from inspector.diagnosis.spectra.speeds import SpeedCurve, speed_curve
from inspector.diagnosis.spectra.waveform import measure_waveform

__all__ = ["STICK_SLIP_HZ", "SpeedCurve", "measure_waveform", "speed_curve", "two_means"]
