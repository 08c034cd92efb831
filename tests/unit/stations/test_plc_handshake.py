"""The handshake with a PLC: its rules one by one, then all of them under lost messages and restarts of both sides."""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inspector.parts import Decision
from inspector.plc import FaultCode, LineStopCode, PartOutcome, PlcInputs, PlcOutputs, RecipeStatus, RefusalCode
from stations.plc.gate import GateRules
from stations.plc.handshake import Handshake, Rules
from stations.plc.memory import Memory, summed_up

MS = 1_000_000
DEADLINE_NS = 400 * MS


class Bench:
    """A handshake, and hands that play the PLC's program: `say` changes its image and lets the station work through one cycle."""

    def __init__(self, memory=None, **rules):
        self.machine = Handshake(Rules(**({"deadline_ns": DEADLINE_NS} | rules)), memory)
        self.machine.judging(True)
        self.machine.channels(ready=True)
        self.now_ns = 10**12
        self.inputs = PlcInputs()
        self.records = []
        self.say()

    def say(self, ms=5, silent=False, **image):
        for passed_ms in range(50, ms, 50):
            self.machine.step(self.inputs, self.now_ns + passed_ms * MS)
        beat = {} if silent else {"heartbeat": (self.inputs.heartbeat + 1) & 0xFFFF}
        self.inputs = replace(self.inputs, **beat, **image)
        self.now_ns += ms * MS
        outputs = self.machine.step(self.inputs, self.now_ns)
        self.records += self.machine.take_records()
        return outputs

    def trigger(self, part_id, **image):
        outputs = self.say(trigger=True, part_id=part_id, **image)
        self.say(trigger=False)
        return outputs

    def tell(self, part_id, outcome="pass", **facts):
        return self.machine.decided(part_id, Decision(str(part_id), outcome, 0.25, **facts), self.now_ns)

    def acknowledge(self):
        return self.say(result_ack=self.machine.outputs.result_sequence)


def test_nothing_may_pass_at_the_start():
    assert PlcOutputs().reject_armed
    assert not PlcOutputs().ready
    machine = Handshake(Rules(DEADLINE_NS))
    outputs = machine.step(PlcInputs(), 0)
    assert outputs.reject_armed
    assert (outputs.ready, outputs.online, outputs.result_valid, outputs.fault) == (False,) * 4


def test_a_part_is_accepted_judged_shown_and_acknowledged():
    bench = Bench(kinds={"scratch": 7})
    assert bench.say().ready
    outputs = bench.say(trigger=True, part_id=41)
    assert (outputs.trigger_ack, outputs.trigger_id, outputs.busy) == (True, 41, True)
    assert bench.machine.take_triggered() == [41]
    assert not bench.say(trigger=False).trigger_ack
    bench.machine.exposed(41)
    assert (bench.say().exposure_done, bench.say().exposed_id) == (True, 41)
    assert not bench.say(exposure_clear=True).exposure_done
    bench.tell(41, "fail", kind="scratch")
    outputs = bench.say(exposure_clear=False)
    assert (outputs.result_valid, outputs.result_id, outputs.result_outcome) == (True, 41, PartOutcome.FAIL)
    assert (outputs.result_kind, outputs.result_kind_code, outputs.result_score, outputs.busy) == ("scratch", 7, 2500, False)
    outputs = bench.acknowledge()
    assert (outputs.result_valid, outputs.results_waiting, outputs.parts, outputs.rejects) == (False, 0, 1, 1)


def test_a_result_stays_until_it_is_acknowledged_and_the_next_follows():
    bench = Bench()
    for part_id in (1, 2):
        bench.trigger(part_id)
        bench.tell(part_id)
    shown = [bench.say(result_ack=60_000).result_id for _ in range(50)]
    assert set(shown) == {1}
    assert bench.acknowledge().result_id == 2


def test_without_a_verdict_in_time_a_part_is_not_inspected_and_a_late_verdict_changes_nothing(caplog):
    bench = Bench()
    bench.trigger(5)
    assert not bench.say(ms=390).result_valid
    outputs = bench.say(ms=20)
    assert (outputs.result_id, outputs.result_outcome) == (5, PartOutcome.NOT_INSPECTED)
    assert not bench.tell(5, "pass")
    assert "came too late" in caplog.text
    assert bench.say().result_outcome == PartOutcome.NOT_INSPECTED


def test_a_verdict_behind_the_deadline_does_not_count_even_before_the_next_cycle():
    bench = Bench()
    bench.trigger(5)
    bench.now_ns += DEADLINE_NS + 1
    assert not bench.tell(5)
    assert bench.say().result_outcome == PartOutcome.NOT_INSPECTED


def test_the_same_part_triggered_again_is_answered_and_not_judged_twice():
    bench = Bench()
    bench.trigger(9)
    bench.machine.take_triggered()
    assert bench.trigger(9).trigger_ack
    bench.tell(9, "pass")
    assert bench.trigger(9).trigger_ack  # the result is held
    first = bench.say().result_sequence
    bench.acknowledge()
    assert not bench.say().result_valid
    assert bench.trigger(9).trigger_ack  # the result is remembered, and shown again
    outputs = bench.say()
    assert (outputs.result_id, outputs.result_outcome) == (9, PartOutcome.PASS)
    assert outputs.result_sequence != first
    assert bench.machine.take_triggered() == []


def test_an_acknowledged_part_is_a_new_one_after_the_plc_was_away():
    bench = Bench()
    bench.trigger(9)
    bench.tell(9, "pass")
    bench.say()
    bench.acknowledge()
    bench.machine.take_triggered()
    bench.say(ms=950, silent=True)
    bench.say(fault_reset=True)
    assert bench.trigger(9, fault_reset=False).trigger_ack
    assert bench.machine.take_triggered() == [9]


def test_a_silent_plc_is_noticed_within_a_second_and_must_reset_the_fault():
    bench = Bench()
    bench.say(ms=850, silent=True)
    assert bench.machine.outputs.ready
    outputs = bench.say(ms=100, silent=True)
    assert (outputs.ready, outputs.plc_alive, outputs.fault_code, outputs.reject_armed) == (False, False, FaultCode.PLC_SILENT, True)
    outputs = bench.trigger(1)
    assert (outputs.trigger_refused, outputs.refuse_code, outputs.trigger_id) == (True, RefusalCode.FAULT, 1)
    assert outputs.missed_triggers == 1
    assert bench.say(fault_reset=True).ready
    assert bench.trigger(2).trigger_ack


def test_a_station_that_stalled_itself_does_not_call_the_plc_silent():
    bench = Bench()
    bench.now_ns += 5000 * MS
    assert bench.say(silent=True).ready
    bench.say(ms=850, silent=True)
    assert bench.machine.outputs.plc_alive
    assert not bench.say(ms=100, silent=True).plc_alive


def test_a_reset_that_stands_at_one_is_no_reset():
    bench = Bench()
    bench.say(fault_reset=True)
    bench.say(ms=950, silent=True)
    assert bench.say().fault


@pytest.mark.parametrize(
    ("unready", "code"),
    [
        (lambda bench: bench.machine.judging(False), RefusalCode.NOT_JUDGING),
        (lambda bench: bench.machine.channels(ready=False), RefusalCode.CHANNEL_NOT_READY),
        (lambda bench: bench.machine.channels(ready=False, lost="camera: unplugged"), RefusalCode.FAULT),
        (lambda bench: bench.say(offline=True), RefusalCode.OFFLINE),
        (lambda bench: bench.say(recipe_change=True, recipe=2), RefusalCode.CHANGING_RECIPE),
    ],
)
def test_a_station_that_is_not_ready_refuses(unready, code):
    bench = Bench()
    unready(bench)
    assert not bench.say().ready
    outputs = bench.trigger(3)
    assert (outputs.trigger_ack, outputs.trigger_refused, outputs.refuse_code) == (False, True, code)
    assert not bench.say(ms=1000).result_valid


def test_a_trigger_without_a_part_id_is_refused():
    assert Bench().trigger(0).refuse_code == RefusalCode.NO_PART_ID


def test_a_recording_gets_the_parts_that_nothing_judges():
    bench = Bench()
    bench.machine.judging(False)
    bench.trigger(3)
    assert bench.machine.take_triggered() == [3]


def test_a_lost_channel_is_a_fault_until_it_is_back_and_reset():
    bench = Bench()
    bench.machine.channels(ready=False, lost="camera: unplugged")
    assert bench.say(fault_reset=True).fault_code == FaultCode.CHANNEL_LOST
    bench.machine.channels(ready=True)
    assert bench.say(fault_reset=False).fault_code == FaultCode.CHANNEL_LOST
    assert bench.say(fault_reset=True).ready


def test_a_full_queue_refuses_and_says_so_and_loses_nothing():
    bench = Bench(capacity=8)
    for part_id in range(1, 9):
        assert bench.trigger(part_id).trigger_ack
        bench.tell(part_id)
    outputs = bench.trigger(9)
    assert (outputs.refuse_code, outputs.overrun, outputs.results_waiting) == (RefusalCode.QUEUE_FULL, True, 8)
    assert not bench.say().ready
    taken = []
    for _ in range(8):
        taken.append(bench.say().result_id)
        bench.acknowledge()
    assert taken == list(range(1, 9))
    assert bench.say().overrun
    assert not bench.say(fault_reset=True).overrun


def test_failures_in_a_row_ask_for_a_line_stop_and_golden_parts_do_not_count():
    bench = Bench(fails_in_a_row=3)
    for part_id, golden in enumerate([False, True, True, True, False, False], 1):
        assert not bench.say().line_stop
        bench.trigger(part_id, golden=golden)
        bench.tell(part_id, "fail")
        assert bench.say(golden=False).results_waiting == part_id
    outputs = bench.say()
    assert (outputs.line_stop, outputs.line_stop_code) == (True, LineStopCode.FAILS_IN_A_ROW)
    assert (outputs.parts, outputs.rejects) == (3, 3)
    assert not bench.say(fault_reset=True).line_stop


def test_golden_parts_are_marked_and_logged(caplog):
    caplog.set_level("INFO")
    bench = Bench()
    bench.trigger(1, golden=True)
    bench.tell(1, "fail", kind="dent")
    assert bench.say(golden=False).result_golden
    assert "part 1: golden part: fail (dent)" in caplog.text


def test_the_recipe_changes_only_when_nothing_is_in_flight():
    bench = Bench()
    bench.trigger(1)
    outputs = bench.say(recipe_change=True, recipe=2)
    assert (outputs.recipe_status, bench.machine.wanted_recipe) == (RecipeStatus.REFUSED_BUSY, None)
    bench.tell(1)
    assert bench.say(recipe_change=False).recipe_status == RecipeStatus.NONE
    outputs = bench.say(recipe_change=True)
    assert (outputs.recipe_status, outputs.busy, bench.machine.wanted_recipe) == (RecipeStatus.CHANGING, True, 2)
    bench.machine.recipe_loaded(2, "ab" * 32)
    outputs = bench.say()
    assert (outputs.recipe_status, outputs.recipe, outputs.model_hash) == (RecipeStatus.DONE, 2, "ab" * 8)
    assert bench.say(recipe_change=False).ready


def test_a_verdict_that_was_unsure_is_no_pass_and_one_that_nobody_gave_is_not_inspected():
    bench = Bench()
    bench.trigger(1)
    bench.tell(1, "review")
    assert bench.say().result_outcome == PartOutcome.REVIEW
    bench.acknowledge()
    bench.trigger(2)
    bench.tell(2, "review", inspected=False)
    assert bench.say().result_outcome == PartOutcome.NOT_INSPECTED


def test_a_restarted_station_gives_up_what_was_in_flight_and_shows_again_what_was_not_acknowledged():
    bench = Bench()
    for part_id in (1, 2):
        bench.trigger(part_id)
    bench.tell(1, "pass")
    bench.say()
    again = Bench(summed_up(bench.records))
    outputs = again.say(result_ack=0)
    assert outputs.session == 2
    assert (outputs.result_id, outputs.result_outcome) == (1, PartOutcome.PASS)
    outputs = again.acknowledge()
    assert (outputs.result_id, outputs.result_outcome) == (2, PartOutcome.NOT_INSPECTED)
    assert again.trigger(2).trigger_ack
    assert again.machine.take_triggered() == []
    assert summed_up(again.records).session == 2


def test_what_was_acknowledged_is_over_after_a_restart_and_numbers_go_on():
    bench = Bench()
    bench.trigger(1)
    bench.tell(1)
    number = bench.say().result_sequence
    bench.acknowledge()
    again = Bench(summed_up(bench.records))
    assert not again.say().result_valid
    again.trigger(2)
    again.tell(2)
    assert again.say().result_sequence == number + 1


def test_a_stale_acknowledgement_takes_no_new_result():
    bench = Bench()
    bench.say(result_ack=1)  # what a restarted PLC still has in its memory
    bench.trigger(1)
    bench.tell(1)
    assert bench.say().result_valid
    assert bench.say().result_valid


# --- the gate


def driven(bench, ms=5, **image):
    outputs = bench.say(ms=ms, **image)
    return outputs.reject, outputs.reject_id


def test_the_gate_opens_for_a_rejected_part_after_its_way_and_closes_behind_it():
    bench = Bench(gate=GateRules(by_encoder=True, distance=1000, pulse=100))
    assert not bench.say(encoder=2**32 - 500).reject_armed
    bench.trigger(1)
    bench.trigger(2, encoder=2**32 - 300)
    bench.tell(1, "fail")
    bench.tell(2, "pass")
    assert driven(bench, encoder=499) == (False, 0)  # the count has run over its end
    assert driven(bench, encoder=500) == (True, 1)
    assert driven(bench, encoder=590) == (True, 1)
    assert driven(bench, encoder=600) == (False, 1)
    assert driven(bench, encoder=750) == (False, 1)


def test_a_part_that_reaches_the_gate_without_a_verdict_is_rejected():
    bench = Bench(gate=GateRules(by_encoder=False, distance=200 * MS, pulse=50 * MS))
    bench.trigger(1)
    outputs = bench.say(ms=200)
    assert (outputs.reject, outputs.reject_id, outputs.result_outcome) == (True, 1, PartOutcome.NOT_INSPECTED)
    assert not bench.tell(1)
    assert not bench.say(ms=60).reject


def test_a_refused_part_is_rejected_too():
    bench = Bench(gate=GateRules(by_encoder=False, distance=200 * MS, pulse=50 * MS))
    bench.machine.channels(ready=False)
    bench.trigger(1)
    assert driven(bench, ms=200) == (True, 1)


def test_a_good_part_that_passes_an_open_gate_is_counted():
    bench = Bench(gate=GateRules(by_encoder=False, distance=200 * MS, pulse=50 * MS))
    bench.trigger(1)
    bench.trigger(2)
    bench.tell(1, "fail")
    bench.tell(2, "pass")
    bench.say(ms=190)
    assert bench.say(ms=10).reject_overlaps == 1


def test_a_reject_that_the_chute_did_not_see_asks_for_a_line_stop():
    bench = Bench(gate=GateRules(by_encoder=False, distance=100 * MS, pulse=20 * MS, confirm_ns=50 * MS))
    for part_id in (1, 2):
        bench.trigger(part_id)
        bench.tell(part_id, "fail")
    bench.say(ms=100)
    bench.say(ms=30, confirm_count=1)
    assert not bench.say(ms=15).line_stop
    assert bench.say(ms=40).line_stop_code == LineStopCode.REJECT_NOT_CONFIRMED


def test_an_encoder_that_jumps_is_a_fault():
    bench = Bench(gate=GateRules(by_encoder=True, distance=1000, pulse=100))
    bench.say(encoder=5000)
    bench.trigger(1)
    outputs = bench.say(encoder=0)
    assert (outputs.fault_code, outputs.reject_armed) == (FaultCode.ENCODER_JUMPED, True)


def test_nothing_may_pass_by_itself_when_the_plc_was_away():
    bench = Bench(gate=GateRules(by_encoder=False, distance=100 * MS, pulse=20 * MS))
    bench.trigger(1)
    assert bench.say(ms=950, silent=True).reject_armed
    assert bench.say().reject_armed
    assert not bench.say(fault_reset=True).reject_armed


# --- all of it at random


class Plant(RuleBasedStateMachine):
    """A station and a PLC that lose messages and are restarted. The PLC keeps its part count and the outcomes it took, as it must."""

    def __init__(self):
        super().__init__()
        self.now_ns = 10**12
        self.disk = Memory()
        self.shown = PlcOutputs()
        self.delivered = PlcInputs()
        self.machine = None
        self.start_station()
        # what the PLC remembers over a restart
        self.part_id = 0
        self.outcome_of = {}
        self.accepted = set()
        self.plc = PlcInputs()
        # what is really so
        self.accepted_ns = {}
        self.passed_in_time = set()
        self.outcome_shown = {}
        self.acknowledged = set()

    def start_station(self):
        self.machine = Handshake(Rules(DEADLINE_NS, capacity=8), self.disk)
        self.machine.judging(True)
        self.machine.channels(ready=True)
        self.shown, self.delivered = PlcOutputs(), PlcInputs()

    @rule(ms=st.sampled_from([1, 5, 50, 150]), dies=st.sampled_from(["no", "no", "no", "no", "no", "before writing", "after writing"]))
    def station_works(self, ms, dies):
        self.now_ns += ms * MS
        outputs = self.machine.step(self.delivered, self.now_ns)
        triggered = self.machine.take_triggered()
        if dies != "before writing":
            self.disk = summed_up(self.machine.take_records(), self.disk)
        if dies != "no":
            self.start_station()
            return
        for part_id in triggered:
            assert part_id not in self.accepted_ns, "a part is judged twice"
            self.accepted_ns[part_id] = self.now_ns
        before, self.shown = self.shown, outputs
        if before.result_valid and before.result_sequence not in self.acknowledged:
            assert outputs.result_sequence == before.result_sequence, "a result went without being acknowledged"

    @rule(rounds=st.integers(1, 8), ms=st.sampled_from([1, 5, 20]))
    def both_work(self, rounds, ms):
        for _ in range(rounds):
            self.plc_works(True, True)
            self.station_works(ms, "no")

    @rule(written=st.sampled_from([True, True, True, False]), wants=st.booleans())
    def plc_works(self, written, wants):
        shown, plc = self.shown, self.plc
        plc = replace(plc, heartbeat=(plc.heartbeat + 1) & 0xFFFF, fault_reset=shown.fault and not plc.fault_reset)
        if plc.trigger:
            answered = (shown.trigger_ack or shown.trigger_refused) and shown.trigger_id == plc.part_id
            if answered:
                self.accepted |= {plc.part_id} if shown.trigger_ack else set()
                plc = replace(plc, trigger=False)
        elif wants and shown.ready and not (shown.trigger_ack or shown.trigger_refused):
            self.part_id += 1
            plc = replace(plc, trigger=True, part_id=self.part_id)
        if shown.result_valid:
            assert self.outcome_of.setdefault(shown.result_id, shown.result_outcome) == shown.result_outcome, "two outcomes"
            plc = replace(plc, result_ack=shown.result_sequence)
        self.plc = plc
        if written:
            self.delivered = plc
            self.acknowledged.add(plc.result_ack)

    @rule()
    def plc_restarts(self):
        self.plc = PlcInputs(part_id=self.part_id, result_ack=self.plc.result_ack)

    @rule()
    def plc_asks_again(self):
        if self.part_id in self.accepted and self.part_id not in self.outcome_of:
            self.plc = replace(self.plc, trigger=True, part_id=self.part_id)

    @rule(ms=st.sampled_from([100, 300, 401, 1000]))
    def time_goes_by(self, ms):
        """The station works on, and hears nothing new."""
        for _ in range(0, ms, 50):
            self.station_works(min(ms, 50), "no")

    @precondition(lambda self: self.accepted_ns)
    @rule(data=st.data(), late=st.booleans(), outcome=st.sampled_from(["pass", "pass", "fail", "review"]), inspected=st.booleans())
    def judge_tells(self, data, late, outcome, inspected):
        self.now_ns += late * (DEADLINE_NS + 1)
        part_id = data.draw(st.sampled_from(sorted(self.accepted_ns)[-4:]))
        inspected |= outcome != "review"
        if self.machine.decided(part_id, Decision(str(part_id), outcome, 0.1, inspected=inspected), self.now_ns):
            assert self.now_ns <= self.accepted_ns[part_id] + DEADLINE_NS
            if outcome == "pass":
                self.passed_in_time.add(part_id)

    @rule(on=st.sampled_from([True, True, False]))
    def channel_comes_and_goes(self, on):
        self.machine.channels(ready=on, lost=None if on else "camera: unplugged")

    @invariant()
    def one_outcome_and_no_pass_without_a_verdict_in_time(self):
        if self.shown.result_valid:
            shown = self.shown.result_outcome
            assert self.outcome_shown.setdefault(self.shown.result_id, shown) == shown
            assert shown != PartOutcome.PASS or self.shown.result_id in self.passed_in_time

    def teardown(self):
        """In the end every accepted part has its outcome."""
        self.machine.channels(ready=True)
        for _ in range(60):
            self.station_works(50, "no")
            self.plc_works(True, False)
        assert set(self.accepted_ns) <= set(self.outcome_of)
        assert self.accepted <= set(self.outcome_of)
        assert set(self.outcome_of.values()) <= {PartOutcome.PASS, PartOutcome.FAIL, PartOutcome.NOT_INSPECTED, PartOutcome.REVIEW}


TestPlant = Plant.TestCase
TestPlant.settings = settings(max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
