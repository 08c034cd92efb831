"""The conformance kit: break each device of a station on purpose, and see that the station notices, goes on and recovers.

The device stays what it is; the faults are put between its driver and the station. So the kit runs any driver, an outside package's
too, with its device or a stand-in for it, and says what the station makes of each fault:

- *shown*: within 2 s the channel's health, or a part, names the channel;
- *never used*: no part that was made under the fault holds the channel as if it were well;
- *alone*: the other channels go on;
- *back*: within 10 s after the fault parts are whole again, without a restart.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from inspector.align import align
from inspector.config import ChannelConfig, Station, TriggerConfig, Window
from inspector.drivers import Camera, Driver, WaveformSource
from inspector.errors import ConfigError
from inspector.faults import FAULT_KINDS, Fault, FaultKind, applies_to
from inspector.features import extract
from inspector.parts import Frame, Series, Trigger, Waveform
from stations.agent import Agent

SHOWN_WITHIN_S = 2.0
BACK_WITHIN_S = 10.0
FAULT_S = 4.0
WELL_WITHIN_S = 15.0
PART_EVERY_S = 0.4
LONGEST_WINDOW_S = 0.5
"""A minute of temperature would be whole again a minute after the fault; the kit does not wait for that."""
PICTURE_WITHIN_MS = 1000.0
"""The kit's parts come from a timer, which knows nothing of when a free-running camera takes its pictures."""
MAY_BE_WHOLE: tuple[FaultKind, ...] = ("slow", "gaps")
"""Faults under which a part may still be whole and right: what came late came in time, what was lost belonged to no part."""


@dataclass(frozen=True, slots=True)
class Survival:
    """What became of one channel under one fault; no `complaints` is a pass."""

    channel: str
    driver: str
    kind: FaultKind
    shown_s: float | None
    back_s: float | None
    complaints: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.complaints

    def __str__(self) -> str:
        shown = [] if self.shown_s is None else [f"shown after {self.shown_s:.1f} s"]
        back = [] if self.back_s is None else [f"back after {self.back_s:.1f} s"]
        words = "; ".join(self.complaints) or ", ".join(shown + back)
        return f"  {'ok  ' if self.passed else 'FAIL'} {self.channel:20} {self.kind:14} {words}"


def check_faults(
    station: Station, path: Path | None, channels: list[str] | None = None, on_checked: Callable[[Survival], object] = lambda _: None
) -> list[Survival]:
    """Run the channels of a station through all faults that can befall them. Raises ConfigError, DriverError.

    Args:
        station: its trigger and sinks are left alone; parts come from a timer.
        path: the station file.
        channels: which channels; by default one for each driver of the station.
        on_checked: called after each fault.
    """
    faults: list[Fault] = []
    agent = Agent(_for_the_kit(station), path=path, faults=faults)
    chosen = channels or list({config.driver: name for name, config in reversed(station.channels.items())}.values())[::-1]
    for name in chosen:
        if name not in station.channels:
            raise ConfigError(f"no such channel, the station has {', '.join(station.channels)}", path=path, key=f"channels.{name}")
    found = []
    with _watched(agent) as witness:
        for name in chosen:
            for kind in _faults_for(agent.drivers.channels[name], station.channels[name]):
                survival = _survive(witness, faults, name, station.channels[name].driver, kind)
                found.append(survival)
                on_checked(survival)
    return found


def badge(survivals: list[Survival]) -> list[str]:
    """Return a line per channel: how many faults it survived, and which."""
    lines = []
    for channel in dict.fromkeys(one.channel for one in survivals):
        mine = [one for one in survivals if one.channel == channel]
        passed = sum(one.passed for one in mine)
        marks = " ".join(f"{'+' if one.passed else '-'}{one.kind}" for one in mine)
        lines.append(f"{'CONFORMS' if passed == len(mine) else 'FAILS   '} {channel} ({mine[0].driver}) {passed}/{len(mine)}: {marks}")
    return lines


def _for_the_kit(station: Station) -> Station:
    def short(config: ChannelConfig) -> ChannelConfig:
        window = Window(pre_s=min(config.window.pre_s, LONGEST_WINDOW_S), post_s=min(config.window.post_s, LONGEST_WINDOW_S))
        changes: dict[str, object] = {"window": window}
        if config.modality == "image":
            changes["max_sync_error_ms"] = max(config.max_sync_error_ms, PICTURE_WITHIN_MS)
        return config.model_copy(update=changes)

    timer = TriggerConfig(driver="timer", settings={"interval_s": PART_EVERY_S})
    channels = {name: short(config) for name, config in station.channels.items()}
    return station.model_copy(update={"trigger": timer, "sinks": {}, "plc": None, "channels": channels})


def _faults_for(driver: Driver, config: ChannelConfig) -> Iterator[FaultKind]:
    shape = Frame if isinstance(driver, Camera) else Waveform if isinstance(driver, WaveformSource) else Series
    for kind in FAULT_KINDS:
        if applies_to(kind, shape) and not (kind == "stuck" and shape is Series and config.max_still_s is None):
            yield kind


@dataclass(slots=True)
class _Seen:
    """One part: when it came, and what is wrong with which channel."""

    trigger: Trigger
    at_s: float
    wrong: dict[str, str]


@dataclass(slots=True)
class _Witness:
    """Looks at the parts and at the health of an agent."""

    agent: Agent
    parts: list[_Seen] = field(default_factory=list)

    def look(self) -> None:
        for capture in self.agent.captures():
            features = extract(align(capture, self.agent.station))
            wrong = dict(features.degraded) | {name: "lost blocks" for name, drops in capture.drops.items() if drops}
            self.parts.append(_Seen(capture.trigger, time.monotonic(), wrong))

    def since(self, start_s: float) -> list[_Seen]:
        return [part for part in self.parts if part.at_s >= start_s]

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> float | None:
        """Return after how many seconds a condition held; None where it did not in time."""
        start_s = time.monotonic()
        while (waited_s := time.monotonic() - start_s) < timeout_s:
            if condition():
                return waited_s
            time.sleep(0.05)
        return None

    def is_named(self, channel: str, since_s: float) -> bool:
        unwell = self.agent.health()[channel]["state"] != "ok"
        return unwell or any(channel in part.wrong for part in self.since(since_s))

    def is_whole(self, channel: str, since_s: float) -> bool:
        return any(channel not in part.wrong for part in self.since(since_s)[-1:])


@contextmanager
def _watched(agent: Agent) -> Iterator[_Witness]:
    witness = _Witness(agent)
    with agent:
        thread = threading.Thread(target=witness.look, name="witness", daemon=True)
        thread.start()
        try:
            yield witness
        finally:
            agent.stop()
            thread.join(WELL_WITHIN_S)


def _survive(witness: _Witness, faults: list[Fault], channel: str, driver: str, kind: FaultKind) -> Survival:
    start_s = time.monotonic()
    if witness.wait_for(lambda: witness.is_whole(channel, start_s), WELL_WITHIN_S) is None:
        return Survival(channel, driver, kind, None, None, (f"not well without any fault: {_last_words(witness, channel)}",))
    unwell_before = {name for part in witness.since(start_s) for name in part.wrong}
    start_s, start_ns = time.monotonic(), witness.agent.clock.now_ns()
    faults.append(Fault(channel, kind))
    shown_s = witness.wait_for(lambda: witness.is_named(channel, start_s), FAULT_S)
    time.sleep(max(0.0, start_s + FAULT_S - time.monotonic()))
    under = [part for part in witness.since(start_s) if part.trigger.t_ns > start_ns + (SHOWN_WITHIN_S + LONGEST_WINDOW_S) * 1e9]
    faults.clear()
    end_s = time.monotonic()
    back_s = witness.wait_for(lambda: witness.is_whole(channel, end_s), BACK_WITHIN_S)
    lenient = kind in MAY_BE_WHOLE or (kind.startswith("clock") and witness.agent.health()[channel].get("clock") is not None)
    complaints = _complaints(channel, under, unwell_before, shown_s, back_s, lenient=lenient)
    return Survival(channel, driver, kind, shown_s, back_s, complaints)


def _complaints(
    channel: str, under: list[_Seen], unwell_before: set[str], shown_s: float | None, back_s: float | None, *, lenient: bool
) -> tuple[str, ...]:
    found = []
    if not lenient and (shown_s is None or shown_s > SHOWN_WITHIN_S):
        found.append(f"not shown within {SHOWN_WITHIN_S:g} s")
    used = [part.trigger.part_id for part in under if channel not in part.wrong]
    if used and not lenient:
        found.append(f"{len(used)} of {len(under)} parts used its data as if it were well")
    if not under:
        found.append("no part was made under the fault")
    dragged = {name for part in under for name in part.wrong} - unwell_before - {channel}
    if dragged:
        found.append(f"other channels suffered: {', '.join(sorted(dragged))}")
    if back_s is None:
        found.append(f"not back within {BACK_WITHIN_S:g} s")
    return tuple(found)


def _last_words(witness: _Witness, channel: str) -> str:
    said = [part.wrong[channel] for part in witness.parts if channel in part.wrong]
    health = witness.agent.health()[channel]
    return said[-1] if said else str(health["reason"] or "no part came")
