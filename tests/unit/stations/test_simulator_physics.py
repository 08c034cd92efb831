"""The simulated faults speak where they would on a real line, and as loudly as they are severe."""

import numpy as np
import pytest
from scipy.signal import butter, hilbert, sosfiltfilt

from inspector.parts import Capture, Series
from stations.simulator import CAUSES, Fault, Line, LineSettings
from stations.simulator.motion import BPFI_PER_REV, BPFO_PER_REV, SHAFT_HZ
from stations.simulator.scenario import COOLANT_TAU_S

PART = 12  # at 7 s: every fault below has reached its peak


def _line(cause: str | None, severity: float = 0.8) -> Line:
    faults = () if cause is None else (Fault(cause=cause, ramp_s=0.5, hold_s=40.0, severity=severity),)
    return Line(LineSettings(seed=5, faults=faults, incoming_ratio=0.0))


def _capture(cause: str | None, severity: float = 0.8) -> Capture:
    return _line(cause, severity).capture(PART)


def _line_of(samples: np.ndarray, rate_hz: float, hz: float) -> float:
    """Return the highest amplitude within 3 % of a frequency."""
    spectrum = np.abs(np.fft.rfft((samples - samples.mean()) * np.hanning(len(samples)))) * 4 / len(samples)
    frequency_hz = np.fft.rfftfreq(len(samples), 1 / rate_hz)
    return float(spectrum[np.abs(frequency_hz - hz) < 0.03 * hz + 1].max())


def _envelope(samples: np.ndarray, rate_hz: float) -> np.ndarray:
    band = butter(4, [2200, 3800], "band", fs=rate_hz, output="sos")
    return np.abs(hilbert(sosfiltfilt(band, samples)))


def _rms(samples: np.ndarray, rate_hz: float, low_hz: float, high_hz: float) -> float:
    return float(np.std(sosfiltfilt(butter(4, [low_hz, high_hz], "band", fs=rate_hz, output="sos"), samples)))


def test_a_worn_bearing_shows_its_characteristic_frequency_in_the_envelope() -> None:
    worn, sound = (_capture(cause).waveforms["motor_vibration"] for cause in ("bearing_wear", None))
    of = {
        name: max(_line_of(_envelope(w.samples, 12800), 12800, r * SHAFT_HZ) for r in (BPFO_PER_REV, BPFI_PER_REV))
        for name, w in (("worn", worn), ("sound", sound))
    }
    assert of["worn"] > 5 * of["sound"]


def test_imbalance_is_once_per_turn_and_grows_with_severity() -> None:
    once = [_line_of(_capture("imbalance", s).waveforms["motor_vibration"].samples, 12800, SHAFT_HZ) for s in (0.3, 0.6, 1.0)]
    normal = _line_of(_capture(None).waveforms["motor_vibration"].samples, 12800, SHAFT_HZ)
    assert normal * 1.5 < once[0] < once[1] < once[2]


def test_a_slipping_belt_ripples_the_current_and_slows_the_belt() -> None:
    slipping, sound = _capture("belt_slip"), _capture(None)
    ripple = [_line_of(c.series["motor_current"].values, 200, 31.0) for c in (slipping, sound)]
    assert ripple[0] > 8 * ripple[1]
    assert slipping.series["belt_speed"].values.min() < 0.96 * sound.series["belt_speed"].values.min()


def test_low_air_pressure_is_read_heard_and_felt() -> None:
    leaking, sound = _capture("low_air_pressure"), _capture(None)
    assert leaking.series["air_pressure"].values[-1] < sound.series["air_pressure"].values[-1] - 1.0
    assert leaking.series["press_force"].values.max() < 0.9 * sound.series["press_force"].values.max()
    hiss = [_rms(c.waveforms["microphone"].samples, 16000, 3000, 7000) for c in (leaking, sound)]
    assert hiss[0] > 1.3 * hiss[1]


def test_a_worn_tool_presses_harder_and_grows_harmonics() -> None:
    worn, sharp = _capture("tool_wear"), _capture(None)
    assert worn.series["press_force"].values.max() > 1.06 * sharp.series["press_force"].values.max()
    third = [_line_of(c.waveforms["motor_vibration"].samples, 12800, 3 * 6 * 2.84 * SHAFT_HZ) for c in (worn, sharp)]
    assert third[0] > 3 * third[1]


def test_the_coolant_follows_its_time_constant() -> None:
    failing, sound = (_line(cause).series("coolant_temp", 0, 70) for cause in ("cooling_failure", None))
    rise = failing.values - sound.values
    span = rise[-1]
    reached = int(np.argmax(rise > span * (1 - np.exp(-1))))
    assert span == pytest.approx(0.8 * 16.0, rel=0.08)
    assert reached / 2 == pytest.approx(COOLANT_TAU_S, abs=1.0)


@pytest.mark.parametrize("cause", CAUSES)
def test_a_fault_leaves_the_other_channels_as_they_were(cause: str) -> None:
    """Each fault changes something, but none changes everything."""
    faulty, sound = _capture(cause), _capture(None)
    signals = {**faulty.waveforms, **faulty.series}
    others = {**sound.waveforms, **sound.series}
    changed = {n for n, s in signals.items() if not np.allclose(_values(s), _values(others[n]), atol=1e-6)}
    if cause in ("lens_dirt", "light_failure"):
        assert not changed
        assert not np.array_equal(faulty.frames["camera"].pixels, sound.frames["camera"].pixels)
    else:
        assert 2 <= len(changed) < len(signals)


def _values(signal: object) -> np.ndarray:
    return signal.values if isinstance(signal, Series) else signal.samples


def test_a_tone_keeps_its_phase_over_the_blocks() -> None:
    line = _line("imbalance", 1.0)
    samples = line.waveform("motor_vibration", 0, 20).samples
    steps = np.abs(np.diff(sosfiltfilt(butter(2, 200, fs=12800, output="sos"), samples)))
    seams = steps[1279::1280]
    assert seams.max() <= np.quantile(steps, 0.999) * 1.5


def test_the_seams_of_blocks_do_not_show_in_the_noise() -> None:
    samples = _line(None).waveform("microphone", 0, 40).samples.astype(np.float64)
    curvature = np.abs(np.diff(samples, 2))
    at_seams = np.concatenate([curvature[1598 + shift :: 1600] for shift in (0, 1)])
    assert at_seams.mean() < 1.5 * np.median(curvature) + curvature.std()
