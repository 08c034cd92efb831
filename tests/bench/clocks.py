"""How well devices' clocks are learned, against injected truth: `python -m tests.bench.clocks [--json FILE] [--hours H] [--seeds N]`.

Every device has a clock with its own zero, drift (up to ±100 ppm) and wander (2 ppm), and sends its stamps over a way that takes a
constant, an exponential delay, and now and then a stall of up to 150 ms that holds everything up and ends with a burst. Four times a
second a capture is read with the fit of that moment; its error is where the fit places what happened half a second ago, less the
stream's constant (the median of the later part of its run: what `inspector station calibrate` takes off). The error between two
streams is the difference of theirs.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector.align.clocks import DeviceClock
from inspector.parts import ClockFit

MS = 1_000_000
S = 1_000_000_000
CAPTURE_NS = S // 4
AGO_NS = S // 2
"""What a capture looks at happened so long before it."""
SETTLED_NS = 10 * S
JUMP_SHIFT_NS = 40 * S

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Way:
    """How a device runs and how its readings travel."""

    rate_hz: float
    delay_ms: float = 2.0
    constant_ms: float = 4.0
    drift_ppm: float = 100.0
    wander_ppm: float = 2.0
    stalls_per_s: float = 0.1
    stall_ms: float = 150.0
    early_ratio: float = 0.0
    jumps_ns: tuple[tuple[int, int], ...] = ()
    """(instant, by how much the device's clock jumps then, or up to `JUMP_SHIFT_NS` later: streams do not jump together)."""


@dataclass
class Run:
    """Readings of one simulated device, with the truth: when what was stamped happened."""

    start_ns: int
    seconds: float
    happened_ns: NDArray[np.int64]
    device_ns: NDArray[np.int64]
    arrived_ns: NDArray[np.int64]
    clock_of: Callable[[NDArray[np.int64]], NDArray[np.int64]] = field(repr=False)


def simulated(way: Way, seconds: float, seed: int) -> Run:
    random = np.random.default_rng(seed)
    start_ns = int(random.integers(10**12, 10**15))
    count = int(seconds * way.rate_hz)
    happened_ns = start_ns + ((np.arange(count) + random.uniform(0, 0.2, count)) * 1e9 / way.rate_hz).astype(np.int64)
    clock_of = _device_clock(way, start_ns, seconds, random)
    delay_ns = way.constant_ms * MS + random.exponential(way.delay_ms * MS, count)
    arrived_ns = happened_ns + delay_ns.astype(np.int64)
    for _ in range(random.poisson(way.stalls_per_s * seconds)):
        begin_ns = start_ns + int(random.uniform(0, seconds) * S)
        end_ns = begin_ns + int(random.uniform(20, way.stall_ms) * MS) if way.stall_ms > 20 else begin_ns
        first, behind = np.searchsorted(happened_ns, (begin_ns - 50 * MS, end_ns))
        held = arrived_ns[first:behind]
        held[(held >= begin_ns) & (held < end_ns)] = end_ns
    arrived_ns = np.maximum.accumulate(arrived_ns) + 20_000 * (np.arange(count) % 3)
    early = random.random(count) < way.early_ratio
    arrived_ns[early] -= (random.uniform(2, 20, early.sum()) * MS + delay_ns[early] - way.constant_ms * MS).astype(np.int64)
    return Run(start_ns, seconds, happened_ns, clock_of(happened_ns), arrived_ns, clock_of)


def _device_clock(way: Way, start_ns: int, seconds: float, random: np.random.Generator) -> Callable[[NDArray[np.int64]], NDArray[np.int64]]:
    """Return true instant -> stamp. The drift wanders as an Ornstein-Uhlenbeck process that forgets in ten minutes."""
    knots = np.arange(0, seconds + 20, 1.0)
    noise = random.standard_normal(len(knots)) * way.wander_ppm * np.sqrt(1 - np.exp(-2 / 600))
    wander = np.zeros(len(knots))
    wander[0] = random.standard_normal() * way.wander_ppm
    for k in range(1, len(knots)):
        wander[k] = wander[k - 1] * np.exp(-1 / 600) + noise[k]
    drift = random.uniform(-1, 1) * way.drift_ppm
    gained_ns = np.concatenate([[0.0], np.cumsum((drift + wander[:-1]) * 1e3)])
    zero_ns = int(random.integers(0, 10**17))
    shift_ns = int(random.integers(0, JUMP_SHIFT_NS))

    def clock_of(t_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        since_ns = np.asarray(t_ns) - start_ns
        jumped_ns = sum((np.where(since_ns >= at_ns + shift_ns, by_ns, 0) for at_ns, by_ns in way.jumps_ns), np.zeros_like(since_ns))
        return zero_ns + since_ns + np.rint(np.interp(since_ns / 1e9, knots, gained_ns)).astype(np.int64) + jumped_ns

    return clock_of


# --- estimators: fed with a pair at a time, asked for a fit now and then --------------------------------------------------------


class Learned:
    """The estimator of the product."""

    def __init__(self) -> None:
        self.clock = DeviceClock()

    def add(self, device_ns: int, arrived_ns: int) -> bool:
        return self.clock.add(device_ns, arrived_ns)

    def fit(self) -> ClockFit | None:
        return self.clock.issue()


class Naive:
    """The stamp is the arrival of the last reading."""

    def __init__(self) -> None:
        self.last = (0, 0)

    def add(self, device_ns: int, arrived_ns: int) -> bool:
        self.last = device_ns, arrived_ns
        return False

    def fit(self) -> ClockFit | None:
        return ClockFit(*self.last)


class LeastSquares:
    """A straight line through the readings of the last minute, anew every second."""

    def __init__(self) -> None:
        self.pairs: list[tuple[int, int]] = []
        self.fitted_ns = -S
        self.line = ClockFit(0, 0)

    def add(self, device_ns: int, arrived_ns: int) -> bool:
        if self.pairs and device_ns < self.pairs[-1][0]:
            self.pairs.clear()
        self.pairs.append((device_ns, arrived_ns))
        return False

    def fit(self) -> ClockFit | None:
        device_ns, arrived_ns = self.pairs[-1]
        if arrived_ns - self.fitted_ns >= S or arrived_ns - self.pairs[0][1] < 5 * S:
            self.pairs = [pair for pair in self.pairs if pair[1] > arrived_ns - 60 * S]
            at = np.array([pair[0] - device_ns for pair in self.pairs], np.float64)
            delta = np.array([pair[1] - pair[0] - (arrived_ns - device_ns) for pair in self.pairs], np.float64)
            slope, height = np.polyfit(at, delta, 1) if len(at) > 2 else (0.0, float(delta.mean()))
            self.line = ClockFit(device_ns, arrived_ns + round(height), float(slope) * 1e6)
            self.fitted_ns = arrived_ns
        return self.line


ESTIMATORS: dict[str, Callable[[], Any]] = {"learned": Learned, "least squares": LeastSquares, "naive": Naive}


@dataclass
class Traced:
    """What captures of one stream saw: when, how far off, how far off the clock thought it could be, and stamps that ran backward."""

    at_ns: Array
    error_ns: Array
    uncertainty_ns: Array
    backward: int
    epochs: int


def traced(run: Run, estimator: Any) -> Traced:
    """Feed `run`, read a capture every `CAPTURE_NS`."""
    captures = run.start_ns + np.arange(CAPTURE_NS, round(run.seconds * S), CAPTURE_NS)
    stamps = run.clock_of(captures - AGO_NS).tolist()
    newest_ns, latest, epoch_ns = -1, (0, 0), 0
    errors, uncertainties, backward, epochs = [], [], 0, 0
    pairs = zip(run.device_ns.tolist(), run.arrived_ns.tolist(), run.happened_ns.tolist(), strict=True)
    pair = next(pairs, None)
    for capture_ns, stamp_ns in zip(captures.tolist(), stamps, strict=True):
        while pair is not None and pair[1] <= capture_ns:
            newest_ns = pair[0]
            if estimator.add(*pair[:2]):
                epochs += 1
                latest, epoch_ns = (0, 0), pair[2]
            pair = next(pairs, None)
        fit = estimator.fit() if newest_ns >= 0 else None
        if fit is None or capture_ns - AGO_NS < epoch_ns:  # nothing of this epoch to look at: the channel is missing
            errors.append(np.nan)
            uncertainties.append(np.nan)
            continue
        if latest[1] and fit.station_time_ns(latest[0]) < latest[1]:
            backward += 1
        latest = newest_ns, fit.station_time_ns(newest_ns)
        errors.append(fit.station_time_ns(stamp_ns) - (capture_ns - AGO_NS))
        uncertainties.append(fit.uncertainty_ns)
    return Traced(
        (captures - run.start_ns).astype(np.float64), np.array(errors, np.float64), np.array(uncertainties, np.float64), backward, epochs
    )


COLUMNS = {
    "first_10s_p99_ms": "8.2f",
    "at_10s_p99_ms": "8.2f",
    "p99_ms": "8.2f",
    "max_ms": "8.2f",
    "uncertainty_ms": "8.2f",
    "within_uncertainty": "8.1%",
    "backward": "6",
    "epochs": "4",
}

# --- the table ------------------------------------------------------------------------------------------------------------------


def without_constant(trace: Traced) -> Array:
    """Return the errors less the stream's constant."""
    late = trace.at_ns > min(60 * S, trace.at_ns[-1] / 2)
    return trace.error_ns - np.nanmedian(trace.error_ns[late])


def between(traces: list[Traced], start_ns: float, end_ns: float) -> Array:
    """Return errors between each stream and the next, of captures in [start, end)."""
    errors = [without_constant(trace) for trace in traces]
    inside = [(trace.at_ns >= start_ns) & (trace.at_ns < end_ns) for trace in traces]
    pairs = zip(errors, inside, errors[1:] + errors[:1], strict=True)
    return np.concatenate([(one - other)[where] for one, where, other in pairs])


def p99_ms(errors: Array) -> float:
    return float(np.quantile(np.abs(errors[np.isfinite(errors)]), 0.99) / MS)


def figures(way: Way, estimator: Callable[[], Any], seeds: int, seconds: float) -> dict[str, Any]:
    traces = [traced(simulated(way, seconds, seed), estimator()) for seed in range(seeds)]
    settled = between(traces, SETTLED_NS, np.inf)
    own = np.concatenate([np.abs(without_constant(trace)) <= trace.uncertainty_ns for trace in traces])
    return {
        "first_10s_p99_ms": p99_ms(between(traces, 0, SETTLED_NS)),
        "at_10s_p99_ms": p99_ms(between(traces, SETTLED_NS, SETTLED_NS + 2 * S)),
        "p99_ms": p99_ms(settled),
        "max_ms": float(np.nanmax(np.abs(settled)) / MS),
        "within_uncertainty": float(own.mean()),
        "uncertainty_ms": float(np.nanmedian(np.concatenate([trace.uncertainty_ns for trace in traces])) / MS),
        "backward": sum(trace.backward for trace in traces),
        "epochs": sum(trace.epochs for trace in traces),
    }


def ways() -> dict[str, Way]:
    table = {f"{rate:g} Hz": Way(rate) for rate in (1000, 100, 20, 5, 2, 1)}
    table |= {f"{rate:g} Hz, 5 ms delays": Way(rate, delay_ms=5.0) for rate in (20, 5, 1)}
    table |= {f"{rate:g} Hz, 1 % early": Way(rate, early_ratio=0.01) for rate in (100, 20, 5, 1)}
    table |= {f"{rate:g} Hz, a stall a second": Way(rate, stalls_per_s=1.0) for rate in (20, 5)}
    jumps = ((200 * S, 5 * S), (300 * S, -5 * S), (400 * S, S // 5), (500 * S, -S // 5))
    return table | {f"{rate:g} Hz, clock jumps +5 -5 +0.2 -0.2 s": Way(rate, jumps_ns=jumps) for rate in (20, 1)}


def after_jumps(way: Way, seeds: int) -> float:
    """Return the p99 (ms) of captures that lie 10 s and more behind a jump of either clock."""
    traces = [traced(simulated(way, 600, seed), Learned()) for seed in range(seeds)]
    after = [(at_ns + JUMP_SHIFT_NS + SETTLED_NS, at_ns + 100 * S) for at_ns, _ in way.jumps_ns]
    return p99_ms(np.concatenate([between(traces, *span) for span in after]))


def long_run(hours: float, rate_hz: float, seed: int) -> dict[str, float]:
    """Return error and memory of the first and the last hour, and what a pair costs."""
    run = simulated(Way(rate_hz), hours * 3600, seed)
    trace = traced(run, Learned())
    errors = np.abs(without_constant(trace))
    hour = 3600 * S if hours > 2 else hours * 1200 * S
    first, last = errors[(trace.at_ns > 60 * S) & (trace.at_ns < hour)], errors[trace.at_ns > trace.at_ns[-1] - hour]
    return {"first_hour_p99_ms": p99_ms(first), "last_hour_p99_ms": p99_ms(last), **memory_and_cost(run)}


def memory_and_cost(run: Run) -> dict[str, float]:
    pairs = list(zip(run.device_ns.tolist(), run.arrived_ns.tolist(), strict=True))
    clock = DeviceClock()
    begun = time.perf_counter()
    for device_ns, arrived_ns in pairs:
        clock.add(device_ns, arrived_ns)
    microseconds = (time.perf_counter() - begun) / len(pairs) * 1e6
    clock, sizes, count = DeviceClock(), [], min(len(pairs), 400_000)
    tracemalloc.start()
    for k, (device_ns, arrived_ns) in enumerate(itertools.islice(pairs, count)):
        clock.add(device_ns, arrived_ns)
        if k in (count // 4, count - 1):
            sizes.append(tracemalloc.get_traced_memory()[0] / 1e3)
    tracemalloc.stop()
    return {"us_per_pair": microseconds, "kB_after_a_quarter": sizes[0], "kB_at_the_end": sizes[1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=600.0, help="of each run; 600 at least where clocks jump")
    parser.add_argument("--hours", type=float, default=8.0, help="of the long runs; 0 for none")
    parser.add_argument("--only", default="", help="rows whose name holds this")
    arguments = parser.parse_args()
    table: dict[str, Any] = {}
    print("ms, between streams", *COLUMNS)
    for name, way in ways().items():
        if arguments.only in name:
            for estimator, make in ESTIMATORS.items():
                table[f"{name} / {estimator}"] = found = figures(way, make, arguments.seeds, arguments.seconds)
                print(f"{name:42} {estimator:14}", *(f"{found[key]:{form}}" for key, form in COLUMNS.items()), flush=True)
            if way.jumps_ns:
                table[f"{name} / from 10 s after each jump"] = p99 = after_jumps(way, arguments.seeds)
                print(f"{name:42} learned, from 10 s after each jump on: p99 {p99:.2f}", flush=True)
    for rate_hz in (100.0, 20.0, 1.0) if arguments.hours else ():
        table[f"{arguments.hours:g} h at {rate_hz:g} Hz"] = found = long_run(arguments.hours, rate_hz, 1)
        print(f"{arguments.hours:g} h at {rate_hz:g} Hz: " + ", ".join(f"{key} {value:.3g}" for key, value in found.items()), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
