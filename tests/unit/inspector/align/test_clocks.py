"""The estimator of devices' clocks on short simulated runs; `tests/bench/clocks.py` has the long ones and the table."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.align.clocks import MOST_SLOTS, DeviceClock
from inspector.align.lower_edge import LARGEST_SLOT_PAIRS

MS = 1_000_000
S = 1000 * MS
ZERO_NS = 7_000_000_000_000
"""The station's clock when the device's began to count."""


def readings(seconds, rate_hz, *, drift_ppm=80.0, delay_ms=2.0, seed=0, device_zero_ns=0, start_s=0.0):
    """Return (happened, stamp, arrival) of each reading: a constant drift, exponential delays, a stall of 150 ms every seven seconds."""
    random = np.random.default_rng(seed)
    since_ns = ((start_s + np.arange(int(seconds * rate_hz)) / rate_hz) * 1e9).astype(np.int64)
    happened_ns = ZERO_NS + since_ns
    arrived_ns = happened_ns + random.exponential(delay_ms * MS, len(since_ns)).astype(np.int64)
    stalled = (since_ns % (7 * S)) > 7 * S - 150 * MS
    arrived_ns[stalled] = happened_ns[stalled] // (7 * S) * (7 * S) + (ZERO_NS % (7 * S)) + 7 * S
    stamp_ns = device_zero_ns + since_ns + np.rint(since_ns * drift_ppm / 1e6).astype(np.int64)
    return np.stack([happened_ns, stamp_ns, np.maximum.accumulate(arrived_ns)], axis=1).tolist()


def fed(clock, pairs):
    """Feed all pairs; return the errors (ms) of each reading, placed by the fit of its moment, and how many epochs began."""
    errors, epochs = [], 0
    for happened_ns, stamp_ns, arrived_ns in pairs:
        epochs += clock.add(stamp_ns, arrived_ns)
        errors.append((clock.issue().station_time_ns(stamp_ns) - happened_ns) / MS)
    return np.array(errors), epochs


def p99(errors):
    return np.quantile(np.abs(errors - np.median(errors)), 0.99)


def test_before_the_first_reading_nothing_is_known():
    clock = DeviceClock()
    assert clock.fit is None
    assert clock.issue() is None


def test_the_first_reading_gives_a_fit_that_knows_how_little_it_knows():
    clock = DeviceClock()
    assert clock.add(5, ZERO_NS) is False
    fit = clock.issue()
    assert abs(fit.station_time_ns(5) - ZERO_NS) < 10 * MS
    assert fit.drift_ppm == 0
    assert 10 * MS < fit.uncertainty_ns < 100 * MS


@pytest.mark.parametrize(("rate_hz", "limit_ms"), [(200, 1.0), (20, 1.0), (5, 2.0), (1, 2.0)])
@pytest.mark.parametrize("drift_ppm", [-100.0, 100.0])
def test_stamps_are_placed_well_in_spite_of_drift_delays_and_stalls(rate_hz, limit_ms, drift_ppm):
    clock = DeviceClock()
    errors, epochs = fed(clock, readings(180, rate_hz, drift_ppm=drift_ppm))
    assert epochs == 0
    assert p99(errors[10 * rate_hz :]) < limit_ms
    assert np.abs(errors[10 * rate_hz :]).max() < 5
    assert clock.fit.drift_ppm == pytest.approx(-drift_ppm, abs=15)
    assert np.mean(np.abs(errors) <= clock.fit.uncertainty_ns / MS + 2) > 0.9


def test_the_uncertainty_holds_and_shrinks():
    clock = DeviceClock()
    thought, real = [], []
    for happened_ns, stamp_ns, arrived_ns in readings(120, 20, seed=3):
        clock.add(stamp_ns, arrived_ns)
        thought.append(clock.fit.uncertainty_ns / MS)
        real.append((clock.fit.station_time_ns(stamp_ns) - happened_ns) / MS)
    assert thought[0] > 10
    assert thought[-1] < 0.5
    off = np.abs(np.array(real) - np.median(real))
    assert np.mean(off <= thought) > 0.99


@pytest.mark.parametrize("rate_hz", [100, 20, 5, 1])
def test_readings_that_come_too_early_hardly_matter(rate_hz):
    def p99_of(early_ratio, seed):
        random = np.random.default_rng(seed)
        pairs = readings(300 if rate_hz <= 5 else 60, rate_hz, seed=seed)
        for pair in pairs:
            if random.random() < early_ratio:
                pair[2] = pair[0] - round(random.uniform(2, 20) * MS)
        errors, epochs = fed(DeviceClock(), pairs)
        assert epochs == 0
        return errors[10 * rate_hz :] - np.median(errors[10 * rate_hz :])

    clean = np.concatenate([p99_of(0.0, seed) for seed in range(4)])
    dirty = np.concatenate([p99_of(0.01, seed) for seed in range(4)])
    assert p99(dirty) < 2 * p99(clean)


def test_a_stall_is_no_step():
    clock = DeviceClock()
    fed(clock, readings(30, 20))
    before = clock.fit
    held = readings(10, 20, start_s=30)
    for _, stamp_ns, _ in held:  # ten seconds of readings come at once
        assert clock.add(stamp_ns, ZERO_NS + 40 * S + 5 * MS) is False
    assert clock.fit.station_time_ns(held[0][1]) == pytest.approx(before.station_time_ns(held[0][1]), abs=2 * MS)


@pytest.mark.parametrize("rate_hz", [20, 1])
def test_a_way_that_is_slow_for_half_a_minute_does_not_lift_the_fit(rate_hz):
    clock = DeviceClock()
    pairs = readings(240, rate_hz)
    for pair in pairs[180 * rate_hz : 210 * rate_hz]:
        pair[2] += 20 * MS
    errors, epochs = fed(clock, pairs)
    assert epochs == 0
    assert np.abs(errors[170 * rate_hz :] - np.median(errors)).max() < 2


def test_a_clock_that_starts_anew_is_placed_at_once_as_its_drift_is_known():
    clock = DeviceClock()
    fed(clock, readings(60, 20))
    after, epochs = fed(clock, readings(20, 20, start_s=61, device_zero_ns=-61 * S, seed=1))
    assert epochs == 1
    assert clock.epoch == clock.fit.epoch == 1
    assert np.abs(after).max() < 5
    assert np.abs(after[20:]).max() < 1


@pytest.mark.parametrize("rate_hz", [20, 1])
@pytest.mark.parametrize("step_ns", [-200 * MS, 200 * MS, 10 * S, -100 * S])
def test_a_step_opens_an_epoch_and_is_in_doubt_until_then(rate_hz, step_ns):
    clock = DeviceClock()
    fed(clock, readings(60, rate_hz))
    epochs = []
    for count, (happened_ns, stamp_ns, arrived_ns) in enumerate(readings(30, rate_hz, start_s=60, device_zero_ns=step_ns, seed=1)):
        epochs += [count] if clock.add(stamp_ns, arrived_ns) else []
        off_ns = abs(clock.fit.station_time_ns(stamp_ns) - happened_ns)
        if count > rate_hz // 2:
            assert off_ns <= clock.fit.uncertainty_ns + 10 * MS
    assert len(epochs) == 1
    assert epochs[0] <= max(5, 4 * rate_hz)
    assert off_ns < 5 * MS


def test_the_drift_is_remembered_through_a_pause():
    clock = DeviceClock()
    fed(clock, readings(120, 20, drift_ppm=100.0))
    after, epochs = fed(clock, readings(20, 20, drift_ppm=100.0, start_s=720, seed=1))
    assert epochs == 0
    assert p99(after) < 1
    assert clock.fit.drift_ppm == pytest.approx(-100, abs=10)


def test_single_wrong_stamps_far_ahead_are_left_out():
    clock = DeviceClock()
    pairs = readings(30, 20)
    for pair in pairs[100::50]:
        pair[1] += 3600 * S
    kept = [pair for k, pair in enumerate(pairs) if k < 100 or k % 50]
    _, epochs = fed(clock, pairs)
    assert epochs == 0
    assert p99([clock.fit.station_time_ns(stamp) / MS - happened / MS for happened, stamp, _ in kept[200:]]) < 1


def test_a_device_that_was_opened_again_begins_an_epoch():
    clock = DeviceClock()
    clock.restart()
    pairs = readings(4, 20)
    _, epochs = fed(clock, pairs[:40])
    assert epochs == 0
    clock.restart()
    assert clock.add(*pairs[40][1:]) is True
    assert clock.add(*pairs[41][1:]) is False


def test_a_latency_that_was_calibrated_is_taken_off():
    plain, calibrated = DeviceClock(), DeviceClock(latency_ns=8 * MS)
    for _, stamp_ns, arrived_ns in readings(20, 20):
        plain.add(stamp_ns, arrived_ns)
        calibrated.add(stamp_ns, arrived_ns)
    assert plain.issue().station_time_ns(stamp_ns) - calibrated.issue().station_time_ns(stamp_ns) == 8 * MS


def test_stamps_of_any_size_are_exact_to_the_nanosecond():
    clock = DeviceClock()
    for k in range(40):
        clock.add(1_790_000_000_000_000_001 + k * S // 2, 3_000_000_000_000_000_003 + k * S // 2)
    fit = clock.issue()
    assert abs(fit.station_time_ns(1_790_000_000_000_000_001) - 3_000_000_000_000_000_003) < MS


def test_memory_is_bounded():
    clock = DeviceClock()

    def held():
        stretch = clock._stretch
        return len(stretch._slots), stretch._open.pairs, len(stretch._late), len(stretch._early)

    for k in range(100_000):  # more than any window at 1 kHz
        clock.add(k * MS, ZERO_NS + k * MS + (k * 7919 % 3000) * 1000)
        if k % 10_000 == 0:
            assert max(held()) <= max(MOST_SLOTS, LARGEST_SLOT_PAIRS)
    assert sys.getsizeof(clock._stretch._slots) < 10_000


steps = st.tuples(
    st.integers(0, 3 * S),  # to the next reading, on the device's clock
    st.integers(-20 * MS, 300 * MS),  # its delay
    st.booleans(),  # whether a capture is read then
)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, min_size=1, max_size=80), st.integers(-300, 300), st.integers(-5 * MS, 5 * MS))
def test_no_stamp_is_placed_before_one_that_was_issued(walk, drift_ppm, latency_ns):
    clock = DeviceClock(latency_ns)
    device_ns, latest_ns, placed_ns = 0, 0, None
    for step_ns, delay_ns, is_read in walk:
        device_ns += step_ns
        if clock.add(device_ns, ZERO_NS + device_ns + device_ns * drift_ppm // 1_000_000 + delay_ns):
            placed_ns = None  # stamps of two epochs say nothing of each other
        if is_read:
            fit = clock.issue()
            newest_ns = clock._stretch.newest_ns
            if placed_ns is not None:
                asked = sorted([latest_ns, latest_ns + 1, (latest_ns + newest_ns) // 2, newest_ns])
                answers = [fit.station_time_ns(stamp_ns) for stamp_ns in asked]
                assert answers[0] >= placed_ns
                assert answers == sorted(answers)
            latest_ns, placed_ns = newest_ns, fit.station_time_ns(newest_ns)
