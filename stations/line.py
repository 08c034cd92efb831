"""A station judging: agent -> judge -> plant and store, with a deadline, back-pressure, and the safe side when something fails.

    capture ──► judge queue ──► judge ──► outcome to the sinks ──► record queue ──► explain, keep
                                  ▲
                   deadline watch ┘ sends `review` for whatever has no outcome in time

Rules. Every triggered part gets exactly one outcome. Without a verdict by the deadline it is `review`; a late verdict is kept and
never sent. A part that finds the judge queue full, or whose deadline passes while it waits there, is `review` and is not judged, so
that the line catches up. An exception in judging is `review` with the reason, never a pass. When explaining falls behind, parts are
kept with verdict and evidence but without explanation. When keeping itself stands still, the record queue fills and holds the judge
up: parts become `review` by the deadline, and no record is dropped. In stepped mode nobody waits for an outcome: there is no
deadline, and one thread captures, judges, explains and keeps part after part, so that the times are those of the work alone.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar

from inspector.align import align
from inspector.errors import AlignmentError
from inspector.parts import Capture, Decision, Inspection, ModelRef, PartRecord, Trigger, Verdict
from inspector.remarks import remark
from stations.agent import Agent
from stations.outcomes import UNKNOWN_SCORE, Faults, Outcomes, decided, not_inspected
from stations.recorder import Recorder

log = logging.getLogger(__name__)

JUDGE_QUEUE = 8
RECORD_QUEUE = 256
EXPLAIN_BEHIND = 32
"""With more records waiting than this, a live line explains no part until it has caught up."""
BEAT_S = 1.0
RECENT = 10_000


class JudgedPart(Protocol):
    """What the judge returns, as far as the line needs it."""

    @property
    def record(self) -> PartRecord: ...
    @property
    def verdict(self) -> Verdict: ...
    @property
    def timings_ms(self) -> Mapping[str, float]: ...


J = TypeVar("J", bound=JudgedPart)


@dataclass(slots=True)
class LineReport:
    """What a line did; counts since it began, times of the last parts."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """As the plant was told."""
    late: int = 0
    """Parts whose verdict did not come before the deadline."""
    unjudged: int = 0
    """Parts that went to review without a verdict."""
    unexplained: int = 0
    unsaved: int = 0
    untold: dict[str, int] = field(default_factory=dict)
    """Sink -> how many outcomes it could not be told."""
    verdict_ms: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    """Per judged part, how long align, features and judge took together."""

    @property
    def parts(self) -> int:
        return sum(self.outcomes.values())


class Line(Generic[J]):
    """Judge the parts of one agent.

    Args:
        agent: opened by the caller once the line is made, as the line takes over its `on_trigger`.
        judge: the verdict of a capture; runs on one thread.
        explain: the rest of the inspection; runs on another thread, together with `keep`.
        keep: stores an inspection.
        model: named in the verdicts of parts that could not be judged.
        beat: called every second with wall time and the health of the channels.
        recorder: records what is judged; opened by the caller.
    """

    def __init__(
        self,
        agent: Agent,
        judge: Callable[[Capture], J],
        explain: Callable[[J], Inspection],
        keep: Callable[[Inspection], object],
        *,
        model: ModelRef,
        beat: Callable[[int, Mapping[str, Any]], object] = lambda wall_utc_ns, health: None,  # noqa: ARG005  the signature is the point
        recorder: Recorder | None = None,
    ) -> None:
        self.agent = agent
        self.recorder = recorder
        self.report = LineReport()
        self._judge, self._explain, self._keep, self._beat = judge, explain, keep, beat
        self._model = model
        self._captures: queue.Queue[Capture | None] = queue.Queue(JUDGE_QUEUE)
        self._records: queue.Queue[J | Inspection | None] = queue.Queue(RECORD_QUEUE)
        self._told = Outcomes(dict(agent.drivers.sinks), threaded=agent.live)
        self._counting = threading.Lock()
        self._ended = threading.Event()
        self._deadline_ns = round(agent.station.deadline_ms * 1e6)
        self._post_ns = round(max(channel.window.post_s * 1e9 + channel.lag_ms * 1e6 for channel in agent.station.channels.values()))
        self._keeping = Faults("store")
        if agent.live:
            agent.on_trigger = self._expect

    def run(self, parts: int | None = None) -> LineReport:
        """Judge until the agent's captures end, `agent.stop()` is called or `parts` were captured; every finished part is kept."""
        self._told.open()
        live = self.agent.live
        workers = [self._start(self._judge_all, "judge"), self._start(self._keep_all, "keep")] if live else []
        watchers = [self._start(self._beat_on, "beat")] + ([self._start(self._watch, "deadline")] if live else [])
        try:
            for capture in self.agent.captures(parts):
                if self.recorder is not None:
                    self.recorder.capture(capture)
                if live:
                    self._hand_over(capture)
                else:
                    self._judge_one(capture)
                    self._keep_next()
        finally:
            self._captures.put(None)
            for worker in workers:
                worker.join()
            self._ended.set()
            self._told.wake()
            for watcher in watchers:
                watcher.join()
            self._told.close()
            self.report.untold = self._told.untold
        return self.report

    def _start(self, job: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=job, name=f"{self.agent.station.station} {name}", daemon=True)
        thread.start()
        return thread

    # --- the deadline

    def _expect(self, trigger: Trigger) -> None:
        self._told.expect(trigger, trigger.t_ns + self._post_ns + self._deadline_ns)

    def _watch(self) -> None:
        """Send `review` for every part whose deadline passes without an outcome."""
        while not self._ended.is_set():
            for trigger in self._told.overdue(self.agent.clock.now_ns()):
                self._tell(trigger, not_inspected(trigger))
            self._told.wait(self.agent.clock.now_ns())

    def _tell(self, trigger: Trigger, decision: Decision) -> bool:
        """Tell the plant unless it was told before; say whether it was."""
        if not self._told.tell(trigger, decision):
            return False
        with self._counting:
            self.report.outcomes[decision.outcome] += 1
        return True

    # --- capture -> judge

    def _hand_over(self, capture: Capture) -> None:
        self._expect(capture.trigger)
        try:
            self._captures.put_nowait(capture)
        except queue.Full:
            self._not_judged(capture, remark("not judged: parts come faster than they can be judged"))

    def _judge_all(self) -> None:
        while (capture := self._captures.get()) is not None:
            self._judge_one(capture)
        self._records.put(None)

    def _judge_one(self, capture: Capture) -> None:
        trigger = capture.trigger
        if self._told.is_told(trigger):
            late = remark("not judged: its turn came after the deadline of {ms} ms", ms=f"{self.agent.station.deadline_ms:g}")
            self._not_judged(capture, late)
            return
        try:
            start = time.perf_counter()
            judged = self._judge(capture)
            self.report.verdict_ms.append((time.perf_counter() - start) * 1e3)
        except Exception as error:  # whatever fails in judging, the part must end as review and the line go on
            log.exception("%s: judging failed", trigger.part_id)
            self._not_judged(capture, remark("judging failed: {error}", error=f"{type(error).__name__}: {error}"))
            return
        if not self._tell(trigger, decided(trigger, judged.verdict)):
            log.warning("%s: verdict '%s' came after the deadline and was not sent", trigger.part_id, judged.verdict.outcome)
        self._records.put(judged)

    def _not_judged(self, capture: Capture, reason: str) -> None:
        self.report.unjudged += 1
        self._tell(capture.trigger, not_inspected(capture.trigger))
        record = self._record(capture)
        verdict = Verdict("review", UNKNOWN_SCORE, UNKNOWN_SCORE, self._model, degraded=record.degraded, reasons=(reason,))
        self._records.put(Inspection(record, verdict))

    def _record(self, capture: Capture) -> PartRecord:
        try:
            return align(capture, self.agent.station)
        except AlignmentError:
            return PartRecord(capture.trigger, self.agent.station.part_channels, wall_utc_ns=capture.wall_utc_ns)

    # --- explain, keep

    def _keep_all(self) -> None:
        while self._keep_next():
            pass

    def _keep_next(self) -> bool:
        """Explain and keep the record that waits longest; return False at the end of the line."""
        item = self._records.get()
        if item is None:
            return False
        inspection = self._as_told(item if isinstance(item, Inspection) else self._explained(item))
        if self.recorder is not None:
            self.recorder.outcome(inspection.record.trigger, inspection.verdict.outcome)
        try:
            self._keep(inspection)
            self._keeping.well()
        except Exception as error:  # noqa: BLE001  a full disk must not stop the judging
            self.report.unsaved += 1
            self._keeping.failed(error)
        return True

    def _explained(self, judged: J) -> Inspection:
        plain = Inspection(judged.record, judged.verdict, timings_ms=judged.timings_ms)
        if self.agent.live and self._records.qsize() > EXPLAIN_BEHIND:
            self.report.unexplained += 1
            return plain
        try:
            return self._explain(judged)
        except Exception:  # the verdict stands without its explanation
            log.exception("%s: cannot be explained", judged.record.trigger.part_id)
            self.report.unexplained += 1
            return plain

    def _as_told(self, inspection: Inspection) -> Inspection:
        """Return the inspection with the outcome that the plant was told: after the deadline that is `review`."""
        told = self._told.forget(inspection.record.trigger)
        verdict = inspection.verdict
        if told is None or told == verdict.outcome:
            return inspection
        self.report.late += 1
        deadline = f"{self.agent.station.deadline_ms:g}"
        reason = remark("verdict '{outcome}' came after the deadline of {ms} ms", outcome=verdict.outcome, ms=deadline)
        return replace(inspection, verdict=replace(verdict, outcome=told, reasons=(*verdict.reasons, reason)))

    # --- the sign of life

    def _beat_on(self) -> None:
        beating = Faults("heartbeat")
        while True:
            try:
                recording = self.recorder.health() if self.recorder is not None else {}
                self._beat(time.time_ns(), self.agent.health() | self._told.health() | recording)
                beating.well()
            except Exception as error:  # noqa: BLE001  as for keeping
                beating.failed(error)
            if self._ended.wait(BEAT_S):
                return
