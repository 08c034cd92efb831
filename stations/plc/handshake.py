"""What a station and its PLC say to each other, as one state machine without I/O, threads or a clock of its own.

A part's way: the PLC triggers with a part id; the station accepts or refuses. An accepted part is in flight until it has its outcome: the
judge's, if it is told in time, else `NOT_INSPECTED`. The outcome becomes a result, and the result is shown until the PLC acknowledges its
sequence number. Rules that hold over restarts of either side:

* An accepted part gets exactly one outcome, and `PASS` only by a verdict that came in time.
* A station that was restarted gives `NOT_INSPECTED` to all parts that were in flight, and shows all results again that were not
  acknowledged.
* The same part id, triggered again while it is in flight or remembered, is the same part: it is answered, and not judged twice.
  Remembered are results until they are acknowledged, and the last ones (`results.REMEMBERED`) after that, as long as neither side was away.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from inspector.parts import Decision
from inspector.plc import FaultCode, LineStopCode, PartOutcome, PlcInputs, PlcOutputs, RecipeStatus, RefusalCode
from stations.plc.gate import Gate, GateRules
from stations.plc.memory import Accepted, Acknowledged, Memory, Record, Result, Started
from stations.plc.results import Results

log = logging.getLogger(__name__)

BEAT_NS = 100_000_000
STALL_NS = 100_000_000
"""Cycles that lie farther apart are the station's own stall: what the PLC did meanwhile, nobody has seen."""
OTHER_KIND = 65_535
"""Number of a kind of defect that has none of its own."""
_OUTCOMES = {"pass": PartOutcome.PASS, "fail": PartOutcome.FAIL, "review": PartOutcome.REVIEW}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a station keeps to."""

    deadline_ns: int
    """From a part's trigger to its outcome."""
    heartbeat_timeout_ns: int = 900_000_000
    capacity: int = 16
    """Parts in flight and results not acknowledged, together."""
    fails_in_a_row: int | None = None
    kinds: Mapping[str, int] = field(default_factory=dict)
    gate: GateRules | None = None
    recipe: int = 1


class Handshake:
    """The station's side. One thread at a time.

    Args:
        rules: of the station.
        memory: what an earlier run left behind.

    Attributes:
        outputs: as of the last `step`.
        wanted_recipe: the recipe that is to be loaded now; `recipe_loaded` or `recipe_refused` answers it.
    """

    def __init__(self, rules: Rules, memory: Memory | None = None) -> None:
        memory = memory or Memory()
        self.rules = rules
        self.outputs = PlcOutputs()
        self.wanted_recipe: int | None = None
        self._judging = False
        self._channel_fault: str | None = None
        self._channels_ready = False
        self._model_hash = ""
        self._recipe = rules.recipe
        self._recipe_status = RecipeStatus.NONE

        self._inputs = PlcInputs()
        self._alive = False
        self._met = False
        """Whether the PLC has ever been alive."""
        self._beat_ns = self._stepped_ns = 0
        self._answered: int | None = None
        """The part id that was answered since the trigger rose."""
        self._refusal = RefusalCode.NONE
        self._fault = FaultCode.NONE
        self._line_stop = LineStopCode.NONE
        self._overrun = False
        self._missed = 0
        self._exposure_done = False
        self._exposed_id = 0
        self._fails = 0
        self._parts = self._rejects = 0

        self._session = (memory.session + 1) & 0xFFFF
        self._in_flight: dict[int, tuple[Accepted, int]] = {}
        self._results = Results(memory.held, memory.sequence)
        self._gate = Gate(rules.gate) if rules.gate else None
        self._records: list[Record] = [Started(self._session, memory.sequence)]
        self._triggered: list[int] = []
        for part in memory.in_flight:
            log.warning("part %d: not inspected, the station was restarted while it was in flight", part.part_id)
            self._resolve(part, PartOutcome.NOT_INSPECTED)

    # --- what the station says

    def judging(self, on: bool) -> None:
        """Say whether there is a judge with its model: without one no part is accepted."""
        self._judging = on

    def channels(self, *, ready: bool, lost: str | None = None) -> None:
        """Say whether all required channels deliver, and which one was lost."""
        self._channels_ready = ready
        self._channel_fault = lost
        if lost is not None and self._fault is FaultCode.NONE and self._met:
            log.error("fault: channel %s; the PLC must reset it", lost)
            self._fault = FaultCode.CHANNEL_LOST

    def model(self, sha256: str) -> None:
        """Say which model judges."""
        self._model_hash = sha256[:16]

    def exposed(self, part_id: int) -> None:
        """All that belongs to a part has been captured."""
        self._exposure_done, self._exposed_id = True, part_id

    def decided(self, part_id: int, decision: Decision, now_ns: int) -> bool:
        """Take a decision; return whether it counts: it is the part's first, and in time."""
        part, due_ns = self._in_flight.get(part_id, (None, 0))
        if part is None or now_ns > due_ns:
            if decision.inspected:
                log.warning("part %d: verdict '%s' came too late and is not acted on", part_id, decision.outcome)
            return False
        outcome = _OUTCOMES[decision.outcome] if decision.inspected else PartOutcome.NOT_INSPECTED
        self._resolve(part, outcome, decision)
        return True

    def recipe_loaded(self, recipe: int, sha256: str) -> None:
        self._recipe, self._recipe_status, self.wanted_recipe = recipe, RecipeStatus.DONE, None
        self.model(sha256)

    def recipe_refused(self, status: RecipeStatus) -> None:
        self._recipe_status, self.wanted_recipe = status, None

    # --- the cycle

    def step(self, inputs: PlcInputs, now_ns: int) -> PlcOutputs:
        """Take what the PLC says, and return what it is to be told; write `take_records()` down before it is."""
        before, self._inputs = self._inputs, inputs
        self._watch_heartbeat(before, inputs, now_ns)
        if self._alive:
            self._watch_encoder()
            self._take_acknowledgement()
            if inputs.fault_reset and not before.fault_reset:
                self._reset()
            if inputs.exposure_clear:
                self._exposure_done = False
            self._answer_recipe(before)
            self._answer_trigger(now_ns)
        self._expire(now_ns)
        self._drive_gate(now_ns)
        self.outputs = self._shown(now_ns)
        return self.outputs

    def take_records(self) -> list[Record]:
        """Return what is to be remembered since the last call."""
        records, self._records = self._records, []
        return records

    def take_triggered(self) -> list[int]:
        """Return the part ids that are to be inspected since the last call."""
        triggered, self._triggered = self._triggered, []
        return triggered

    @property
    def alive(self) -> bool:
        """Whether the PLC's heartbeat is seen."""
        return self._alive

    # --- the PLC's life

    def _watch_heartbeat(self, before: PlcInputs, inputs: PlcInputs, now_ns: int) -> None:
        apart_ns, self._stepped_ns = now_ns - self._stepped_ns, now_ns
        if apart_ns > STALL_NS:
            self._beat_ns += apart_ns
        if inputs.heartbeat != before.heartbeat:
            self._beat_ns = now_ns
            if not self._alive:
                self._meet(inputs)
        elif self._alive and now_ns - self._beat_ns > self.rules.heartbeat_timeout_ns:
            self._part_with()

    def _meet(self, inputs: PlcInputs) -> None:
        if self._met:
            log.warning("PLC: back")
        self._alive = self._met = True
        if self._gate is not None:
            self._gate.start(inputs)

    def _part_with(self) -> None:
        """The PLC is gone: what it was told and has acknowledged is over, and what the gate was to do is its affair."""
        log.error("PLC: lost: no heartbeat for %.1f s; it must reset the fault", self.rules.heartbeat_timeout_ns / 1e9)
        self._alive = False
        self._answered, self._refusal = None, RefusalCode.NONE
        self._results.forget()
        self._fault = FaultCode.PLC_SILENT
        if self._gate is not None:
            self._gate.clear()

    def _reset(self) -> None:
        self._line_stop, self._overrun, self._fails = LineStopCode.NONE, False, 0
        self._fault = FaultCode.CHANNEL_LOST if self._channel_fault is not None else FaultCode.NONE

    # --- triggers

    def _answer_trigger(self, now_ns: int) -> None:
        if not self._inputs.trigger:
            self._answered, self._refusal = None, RefusalCode.NONE
        elif self._answered != self._inputs.part_id:
            self._answered = self._inputs.part_id
            self._refusal = self._take(self._inputs.part_id, now_ns)

    def _take(self, part_id: int, now_ns: int) -> RefusalCode:
        if part_id in self._in_flight or self._results.holds(part_id):
            return RefusalCode.NONE
        known = self._results.remembers(part_id)
        refusal = self._refusal_of(part_id, known=known)
        if refusal is not RefusalCode.NONE:
            self._refuse(part_id, refusal, now_ns)
        elif known:
            self._records.append(self._results.add_again(part_id, self._inputs.result_ack))
        else:
            self._accept(Accepted(part_id, self._inputs.golden), now_ns)
        return refusal

    def _refuse(self, part_id: int, refusal: RefusalCode, now_ns: int) -> None:
        log.warning("part %d: trigger refused: %s", part_id, refusal.name.lower())
        self._missed = (self._missed + 1) & 0xFFFF
        self._overrun |= refusal is RefusalCode.QUEUE_FULL
        if refusal is RefusalCode.NOT_JUDGING and part_id:
            self._triggered.append(part_id)  # a recording wants it all the same
        if self._gate is not None:
            self._gate.expect(part_id, self._inputs, now_ns, rejected=True)

    def _refusal_of(self, part_id: int, *, known: bool) -> RefusalCode:
        if part_id == 0:
            return RefusalCode.NO_PART_ID
        if self._in_hand >= self.rules.capacity:
            return RefusalCode.QUEUE_FULL
        return RefusalCode.NONE if known else self._unready

    @property
    def _in_hand(self) -> int:
        return len(self._in_flight) + len(self._results)

    @property
    def _unready(self) -> RefusalCode:
        """Why no part can be inspected now."""
        if not self._judging:
            return RefusalCode.NOT_JUDGING
        if self._inputs.offline:
            return RefusalCode.OFFLINE
        if self._fault is not FaultCode.NONE:
            return RefusalCode.FAULT
        if self._recipe_status is RecipeStatus.CHANGING:
            return RefusalCode.CHANGING_RECIPE
        return RefusalCode.NONE if self._channels_ready else RefusalCode.CHANNEL_NOT_READY

    def _accept(self, part: Accepted, now_ns: int) -> None:
        self._in_flight[part.part_id] = (part, now_ns + self.rules.deadline_ns)
        self._records.append(part)
        self._triggered.append(part.part_id)
        if self._gate is not None:
            self._gate.expect(part.part_id, self._inputs, now_ns)

    # --- outcomes

    def _expire(self, now_ns: int) -> None:
        for part, due_ns in list(self._in_flight.values()):
            if now_ns > due_ns:
                log.warning("part %d: not inspected: no verdict within %.0f ms", part.part_id, self.rules.deadline_ns / 1e6)
                self._resolve(part, PartOutcome.NOT_INSPECTED)

    def _resolve(self, part: Accepted, outcome: PartOutcome, decision: Decision | None = None) -> None:
        self._in_flight.pop(part.part_id, None)
        kind = (decision.kind or "") if decision is not None and outcome is not PartOutcome.NOT_INSPECTED else ""
        score = round(10_000 * min(1.0, max(0.0, decision.score))) if decision is not None else 5_000
        kind_code = self.rules.kinds.get(kind, OTHER_KIND) if kind else 0
        result = Result(part.part_id, 0, outcome, kind, kind_code, score, part.golden)
        self._records.append(self._results.add(result, self._inputs.result_ack))
        if self._gate is not None:
            self._gate.decide(part.part_id, rejected=outcome is not PartOutcome.PASS)
        if part.golden:
            log.info(
                "part %d: golden part: %s%s, score %.4f", part.part_id, outcome.name.lower(), f" ({kind})" if kind else "", score / 1e4
            )
        else:
            self._count(outcome)

    def _count(self, outcome: PartOutcome) -> None:
        rejected = outcome is not PartOutcome.PASS
        self._parts = (self._parts + 1) & 0xFFFFFFFF
        self._rejects = (self._rejects + rejected) & 0xFFFFFFFF
        self._fails = self._fails + 1 if rejected else 0
        if self.rules.fails_in_a_row is not None and self._fails >= self.rules.fails_in_a_row:
            self._ask_for_stop(LineStopCode.FAILS_IN_A_ROW)

    def _ask_for_stop(self, code: LineStopCode) -> None:
        if self._line_stop is LineStopCode.NONE:
            log.error("line stop requested: %s", code.name.lower())
            self._line_stop = code

    def _take_acknowledgement(self) -> None:
        """Let the result go that was shown and is acknowledged."""
        acknowledged = self._inputs.result_ack
        if self.outputs.result_sequence == acknowledged and (result := self._results.take(acknowledged)) is not None:
            self._records.append(Acknowledged(result.sequence))

    # --- recipe, gate

    def _answer_recipe(self, before: PlcInputs) -> None:
        if self._recipe_status is RecipeStatus.CHANGING:
            return
        if not self._inputs.recipe_change:
            self._recipe_status = RecipeStatus.NONE
        elif not before.recipe_change:
            busy = bool(self._in_flight)
            self._recipe_status = RecipeStatus.REFUSED_BUSY if busy else RecipeStatus.CHANGING
            self.wanted_recipe = None if busy else self._inputs.recipe

    def _watch_encoder(self) -> None:
        if self._gate is not None and self._gate.has_jumped(self._inputs):
            log.error("fault: the encoder's count has jumped, so nobody knows where the parts are; the PLC must reset it")
            self._fault = FaultCode.ENCODER_JUMPED
            self._gate.clear()

    def _drive_gate(self, now_ns: int) -> None:
        if self._gate is None or not self._alive:
            return
        for part_id in self._gate.arrived(self._inputs, now_ns):
            part, _ = self._in_flight.get(part_id, (None, 0))
            if part is not None:
                log.warning("part %d: not inspected: it reached the gate without a verdict", part_id)
                self._resolve(part, PartOutcome.NOT_INSPECTED)
        self._gate.drive(self._inputs, now_ns)
        if self._gate.unconfirmed(self._inputs, now_ns):
            self._ask_for_stop(LineStopCode.REJECT_NOT_CONFIRMED)

    # --- what is shown

    def _shown(self, now_ns: int) -> PlcOutputs:
        ready = self._alive and self._unready is RefusalCode.NONE and self._in_hand < self.rules.capacity
        online = self._judging and not self._inputs.offline
        answered = self._answered if self._alive else None
        image = PlcOutputs(
            heartbeat=(now_ns // BEAT_NS) & 0xFFFF,
            session=self._session,
            online=online,
            ready=ready,
            busy=bool(self._in_flight) or self._recipe_status is RecipeStatus.CHANGING,
            fault=self._fault is not FaultCode.NONE,
            fault_code=self._fault,
            trigger_ack=answered is not None and self._refusal is RefusalCode.NONE,
            trigger_refused=answered is not None and self._refusal is not RefusalCode.NONE,
            refuse_code=self._refusal,
            trigger_id=answered or 0,
            missed_triggers=self._missed,
            exposure_done=self._exposure_done,
            exposed_id=self._exposed_id,
            overrun=self._overrun,
            reject_armed=not (self._alive and online and self._fault is FaultCode.NONE and self._gate is not None),
            line_stop=self._line_stop is not LineStopCode.NONE,
            line_stop_code=self._line_stop,
            recipe=self._recipe,
            recipe_status=self._recipe_status,
            model_hash=self._model_hash,
            golden=self._inputs.golden and self._alive,
            plc_alive=self._alive,
            parts=self._parts,
            rejects=self._rejects,
            results_waiting=len(self._results),
        )
        return self._with_gate(self._with_result(image))

    def _with_result(self, image: PlcOutputs) -> PlcOutputs:
        result = self._results.shown
        if result is None:
            return image
        return replace(
            image,
            result_valid=True,
            result_id=result.part_id,
            result_sequence=result.sequence,
            result_outcome=result.outcome,
            result_kind_code=result.kind_code,
            result_kind=result.kind,
            result_score=result.score,
            result_golden=result.golden,
        )

    def _with_gate(self, image: PlcOutputs) -> PlcOutputs:
        if self._gate is None:
            return image
        return replace(
            image, reject=self._gate.is_open and self._alive, reject_id=self._gate.opened_for, reject_overlaps=self._gate.overlaps
        )
