"""The PLC as a station sees it: a trigger and a sink for verdicts, over one link that one thread works through every few milliseconds."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from inspector.clock import Clock
from inspector.config import PLC, PlcConfig, Station
from inspector.drivers import PlcLink, TriggerSource, VerdictSink
from inspector.errors import DriverError
from inspector.home import Home
from inspector.parts import Decision, Trigger
from inspector.plc import PlcInputs, RecipeStatus
from inspector.remarks import remark
from stations.plc.gate import GateRules
from stations.plc.handshake import Handshake, Rules
from stations.plc.journal import Journal
from stations.plc.memory import Memory

log = logging.getLogger(__name__)

CYCLE_S = 0.005
HEALTH_S = 0.2
"""Between two looks at the channels: on a thread of their own, as the agent may be busy cutting a part, and a verdict must not wait."""
GRACE_NS = 20_000_000
"""How much later than the line the handshake gives a part up: the line is first, and this is for a line that hangs."""
RETRY_S = 1.0
DEAF_NS = 1_000_000_000
"""When nobody has waited for a trigger for so long, nobody will take one: the station is stopping, or it hangs."""
NOTHING_YET = remark("nothing has come yet")
"""What the agent says of a channel that was neither lost nor heard: a camera that waits for its trigger is healthy so."""

ChannelHealth = Mapping[str, Mapping[str, Any]]


class Recipes(Protocol):
    """Changes the model of a running line."""

    def __call__(self, recipe: int) -> str:
        """Load the model of `recipe`, which the station file names, and return its SHA-256."""


class Plc:
    """One station's PLC.

    Args:
        station: with the key `plc`.
        link: its driver, not yet open.
        clock: the station clock; real time.
        path: the station file.

    Attributes:
        trigger: for the agent.
        sink: for the line; parts are accepted only while it is open, as only then something judges.
        health: asked for the state of the channels; the agent sets it.
        recipes: asked to change the model; whoever holds the model sets it. Without it there is one recipe.
    """

    def __init__(self, station: Station, link: PlcLink, clock: Clock, path: Path | None = None) -> None:
        config = station.plc
        assert config is not None
        self.link = link
        self.trigger = PlcTrigger(self, station.station, clock)
        self.sink = PlcSink(self, station.station, clock)
        self.health: Callable[[], ChannelHealth] = dict
        self.recipes: Recipes | None = None
        self._station = station
        self._folder = path.parent if path is not None else Path()
        self._clock = clock
        self._rules = rules_of(station)
        self._journal = Journal(journal_path(config, station.station, self._folder))
        self._machine = Handshake(self._rules)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._triggers: queue.SimpleQueue[Trigger] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._users: set[object] = set()
        self._last = PlcInputs()
        self._waited_ns = 0
        self._lost = False
        self._journal_fails = False
        self._model = ""

    # --- for the trigger and the sink

    def use(self, user: object) -> None:
        """Work through the cycle as long as somebody uses it. Raises DriverError where the link cannot be opened, ConfigError."""
        if not self._users:
            memory = self._journal.open()
            try:
                self._start(memory)
            except BaseException:
                self._journal.close()
                raise
        self._users.add(user)

    def leave(self, user: object) -> None:
        """Stop when nobody is left; to leave twice changes nothing."""
        self._users.discard(user)
        if self._users or not self._threads:
            return
        self._ended.set()
        self._wake.set()
        for thread in self._threads:
            thread.join(timeout=2.0)
        self._threads.clear()
        self.link.close()
        self._journal.close()

    def live_in(self, home: Path | None) -> None:
        """Keep the journal in this installation, unless the station file names a place; to be said before the first use."""
        config = self._station.plc
        assert config is not None
        self._journal = Journal(journal_path(config, self._station.station, self._folder, home))

    def judging(self, on: bool) -> None:
        with self._lock:
            self._machine.judging(on)
        self._wake.set()

    def model(self, sha256: str) -> None:
        """Say which model judges, at the start and whenever it is another."""
        with self._lock:
            self._model = sha256
            self._machine.model(sha256)

    def recipe_models(self, first: Path) -> dict[int, Path]:
        """Return the model's folder of each recipe; the station starts with `first`."""
        config = self._station.plc
        assert config is not None
        return {number: self._folder / path for number, path in config.recipes.items()} | {config.recipe: first}

    def decided(self, decision: Decision) -> None:
        """Tell the PLC: within the next cycle, which begins now."""
        with self._lock:
            self._machine.decided(int(decision.part_id), decision, self._clock.now_ns())
        self._wake.set()

    def captured(self, trigger: Trigger) -> None:
        with self._lock:
            self._machine.exposed(int(trigger.part_id))
        self._wake.set()

    def next_trigger(self, timeout_s: float) -> Trigger | None:
        self._waited_ns = self._clock.now_ns()
        try:
            return self._triggers.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return None

    # --- the cycle

    def _start(self, memory: Memory) -> None:
        self._machine = Handshake(self._rules, memory)
        self._machine.model(self._model)
        self._last = PlcInputs()
        self.link.changed = self._wake.set
        self.link.open()
        self._ended.clear()
        jobs = {"plc": self._work, "plc health": self._watch_channels}
        self._threads = [threading.Thread(target=job, name=f"{self._station.station} {name}", daemon=True) for name, job in jobs.items()]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while not self._ended.is_set():
            try:
                self._cycle()
            except Exception as error:  # noqa: BLE001  a driver is a guest, and this thread is the station's heartbeat
                self._lose(str(error) if isinstance(error, DriverError) else f"{type(error).__name__}: {error}")
            self._wake.wait(CYCLE_S)
            self._wake.clear()

    def _cycle(self) -> None:
        """Show the PLC what was concluded from what it said last, and take what it says now."""
        with self._lock:
            now_ns = self._clock.now_ns()
            outputs = self._machine.step(self._last, now_ns)
            records, triggered = self._machine.take_records(), self._machine.take_triggered()
            recipe = self._machine.wanted_recipe
            self._write_down(records)
        for part_id in triggered:
            self._triggers.put(Trigger(self._station.station, str(part_id), now_ns))
        said = self.link.exchange(outputs)
        if said not in (PlcInputs(), self._last):  # all at its default: a link that begins anew has heard nothing yet
            self._last = said
            self._wake.set()
        if self._lost:
            log.warning("PLC: link back")
            self._lost = False
        if recipe is not None:
            self._change_recipe(recipe)

    def _write_down(self, records: list[Any]) -> None:
        try:
            self._journal.append(records)
            self._journal_fails = False
        except OSError as error:
            if not self._journal_fails:
                log.error("PLC: the journal cannot be written, so a restart may lose parts: %s", error)
            self._journal_fails = True

    def _lose(self, reason: str) -> None:
        if not self._lost:
            log.warning("PLC: link lost: %s", reason)
        self._lost = True
        self.link.close()
        if self._ended.wait(RETRY_S):
            return
        try:
            self.link.open()
        except DriverError as again:
            log.debug("PLC: link still lost: %s", again)

    # --- what the station is like

    def _watch_channels(self) -> None:
        while not self._ended.wait(HEALTH_S):
            self._look_at(self.health())

    def _look_at(self, health: ChannelHealth) -> None:
        required = {name for name, config in self._station.channels.items() if config.required}
        bad = {name: said for name, said in health.items() if name in required and said["state"] != "ok"}
        silent = [name for name, said in bad.items() if said["reason"] == NOTHING_YET]
        lost = next((f"{name}: {said['reason']}" for name, said in bad.items() if name not in silent), None)
        waits = any(self._station.channels[name].modality != "image" for name in silent)
        deaf = self._clock.now_ns() - self._waited_ns > DEAF_NS
        with self._lock:
            self._machine.channels(ready=lost is None and not waits and not deaf, lost=lost)

    def _change_recipe(self, recipe: int) -> None:
        """Load on a thread of its own, as the cycle must go on meanwhile."""
        with self._lock:
            self._machine.wanted_recipe = None
        threading.Thread(target=self._load, args=(recipe,), name=f"{self._station.station} recipe", daemon=True).start()

    def _load(self, recipe: int) -> None:
        config = self._station.plc
        assert config is not None
        answer = partial(self._machine.recipe_refused, RecipeStatus.FAILED)
        if recipe not in {config.recipe, *(config.recipes if self.recipes is not None else ())}:
            log.error("PLC: recipe %d is none that the station file names", recipe)
            answer = partial(self._machine.recipe_refused, RecipeStatus.REFUSED_UNKNOWN)
        else:
            try:
                answer = partial(self._machine.recipe_loaded, recipe, self._model_of(recipe))
                log.info("PLC: recipe %d is loaded", recipe)
            except Exception:  # whatever a model fails with, the PLC must be answered
                log.exception("PLC: recipe %d cannot be loaded", recipe)
        with self._lock:
            answer()
        self._wake.set()

    def _model_of(self, recipe: int) -> str:
        return self._model if self.recipes is None else self.recipes(recipe)


class PlcTrigger(TriggerSource):
    """The PLC's trigger, as the agent waits for it."""

    def __init__(self, plc: Plc, station: str, clock: Clock) -> None:
        super().__init__(self.Settings(), channel=station, clock=clock)
        self._plc = plc

    def open(self) -> None:
        self._plc.use(self)

    def close(self) -> None:
        self._plc.leave(self)

    def another(self) -> PlcTrigger:
        return PlcTrigger(self._plc, self.channel, self.clock)

    def wait(self, timeout_s: float) -> Trigger | None:
        return self._plc.next_trigger(timeout_s)

    def captured(self, trigger: Trigger) -> None:
        self._plc.captured(trigger)


class PlcSink(VerdictSink):
    """The PLC's results, as the line tells them."""

    def __init__(self, plc: Plc, station: str, clock: Clock) -> None:
        super().__init__(self.Settings(), channel=station, clock=clock)
        self._plc = plc

    def open(self) -> None:
        self._plc.use(self)
        self._plc.judging(True)

    def close(self) -> None:
        self._plc.judging(False)
        self._plc.leave(self)

    def send(self, decision: Decision) -> None:
        self._plc.decided(decision)


def rules_of(station: Station) -> Rules:
    """Return what the station file says of the handshake."""
    config = station.plc
    assert config is not None
    last_ms = max(channel.lag_ms + 1e3 * channel.window.post_s for channel in station.channels.values())
    return Rules(
        deadline_ns=round((max(0.0, last_ms) + station.deadline_ms) * 1e6) + GRACE_NS,
        heartbeat_timeout_ns=round(config.heartbeat_timeout_ms * 1e6),
        capacity=config.results,
        fails_in_a_row=config.fails_in_a_row,
        kinds=config.kinds,
        gate=_gate_of(config),
        recipe=config.recipe,
    )


def _gate_of(config: PlcConfig) -> GateRules | None:
    gate = config.gate
    if gate is None:
        return None
    confirm_ns = None if gate.confirm_ms is None else round(gate.confirm_ms * 1e6)
    if gate.distance_counts is not None and gate.pulse_counts is not None:
        return GateRules(True, gate.distance_counts, gate.pulse_counts, confirm_ns)
    assert gate.delay_ms is not None
    assert gate.pulse_ms is not None
    return GateRules(False, round(gate.delay_ms * 1e6), round(gate.pulse_ms * 1e6), confirm_ns)


def journal_path(config: PlcConfig, station: str, folder: Path, home: Path | None = None) -> Path:
    """Return where the journal of a station lies whose file lies in `folder`."""
    return folder / config.journal if config.journal is not None else Home.at(home).root / PLC / f"{station}.jsonl"
