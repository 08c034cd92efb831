from collections.abc import Iterator
from pathlib import Path

import pytest

from inspector.errors import UsageError
from inspector.home import Home
from inspector.monitoring import alarms, watching
from inspector.monitoring.watching import CLEAN_PARTS, WHOLE_STATION, Watch
from inspector.parts import Cause, Diagnosis, Inspection, ModelRef, PartRecord, Text, Trigger, Verdict
from inspector.store import Alarm, Store

STATION = "press"
SECOND_NS = 1_000_000_000
WORD = Text("x", "x")


class Line:
    """A station whose clocks stand until they are told to run."""

    def __init__(self, store: Store) -> None:
        self.store, self.now_ns, self.parts = store, 1_700_000_000 * SECOND_NS, 0
        self.watch = Watch(store, STATION, monotonic_s=lambda: self.now_ns / 1e9, wall_ns=lambda: self.now_ns)

    def part(self, cause: str | None = None) -> None:
        self.parts += 1
        self.now_ns += SECOND_NS // 2
        record = PartRecord(Trigger(STATION, f"P{self.parts}", self.now_ns), {}, wall_utc_ns=self.now_ns)
        verdict = Verdict("fail" if cause else "pass", 0.9, 0.5, ModelRef("m", "1", "0"))
        diagnosis = Diagnosis((Cause(cause, 0.9, WORD),), WORD) if cause else None
        self.store.add(Inspection(record, verdict, diagnosis))

    def say(self, **states: str) -> None:
        self.store.beat(STATION, self.now_ns, {name: {"state": state} for name, state in states.items()})

    def look(self, cause: str | None = None) -> list[Alarm]:
        found = self.watch.look()
        return [alarm for alarm in found if cause is None or alarm.cause == cause]

    def state(self, cause: str) -> str | None:
        found = self.look(cause)
        return alarms.state(found[0], self.now_ns) if found else None


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    with Store.open(Home(tmp_path)) as store:
        yield Line(store)


def test_parts_of_one_cause_are_one_case(line: Line) -> None:
    for cause in ("belt_slip", None, "belt_slip", "bearing_wear", "belt_slip"):
        line.part(cause)
    assert {alarm.cause: alarm.parts for alarm in line.look()} == {"belt_slip": 3, "bearing_wear": 1}
    assert {alarm.cause: alarm.parts for alarm in line.look()} == {"belt_slip": 3, "bearing_wear": 1}


def test_two_watchers_count_each_part_once(line: Line) -> None:
    other = Watch(line.store, STATION, wall_ns=lambda: line.now_ns)
    line.part("belt_slip")
    line.look()
    line.part("belt_slip")
    other.look()
    line.look()
    other.look()
    assert [alarm.parts for alarm in line.store.open_alarms(STATION)] == [2]


def test_an_acknowledged_alarm_closes_when_the_cause_is_gone(line: Line) -> None:
    line.part("belt_slip")
    [alarm] = line.look()
    assert line.state("belt_slip") == "unacknowledged"
    alarms.acknowledge(line.store, STATION, alarm.alarm_id, "mei", line.now_ns)
    assert line.state("belt_slip") == "acknowledged"
    line.part("belt_slip")
    assert line.state("belt_slip") == "acknowledged"
    for _ in range(CLEAN_PARTS):
        line.part()
    assert line.state("belt_slip") is None
    [closed] = line.store.closed_alarms(STATION, 0)
    assert (closed.parts, closed.acknowledged_by) == (2, "mei")
    assert [event.kind for event in line.store.alarm_events(closed.alarm_id)] == ["raised", "acknowledged", "returned", "closed"]
    line.part("belt_slip")
    assert line.look()[0].alarm_id != closed.alarm_id


def test_an_alarm_that_nobody_saw_waits_for_a_person_even_when_it_is_over(line: Line) -> None:
    line.part("belt_slip")
    for _ in range(CLEAN_PARTS):
        line.part()
    assert line.state("belt_slip") == "returned"
    line.part("belt_slip")
    assert line.state("belt_slip") == "unacknowledged"
    for _ in range(CLEAN_PARTS):
        line.part()
    [alarm] = line.look()
    assert alarms.acknowledge(line.store, STATION, alarm.alarm_id, "mei", line.now_ns).closed_utc_ns == line.now_ns
    assert line.look() == []
    with pytest.raises(LookupError):
        alarms.acknowledge(line.store, STATION, alarm.alarm_id, "mei", line.now_ns)


def test_a_shelf_has_an_end_and_a_reason(line: Line) -> None:
    line.part("belt_slip")
    [alarm] = line.look()
    alarms.acknowledge(line.store, STATION, alarm.alarm_id, "mei", line.now_ns)
    with pytest.raises(UsageError, match="minutes"):
        alarms.shelve(line.store, STATION, alarm.alarm_id, "mei", 10_000, "repair_under_way", line.now_ns)
    with pytest.raises(UsageError, match="reason"):
        alarms.shelve(line.store, STATION, alarm.alarm_id, "mei", 30, "tired of it", line.now_ns)
    shelved = alarms.shelve(line.store, STATION, alarm.alarm_id, "mei", 30, "repair_under_way", line.now_ns)
    assert not alarms.is_announced(shelved, line.now_ns)
    line.part("belt_slip")
    assert line.state("belt_slip") == "shelved"
    line.now_ns += 31 * 60 * SECOND_NS
    assert line.state("belt_slip") == "unacknowledged"
    alarms.shelve(line.store, STATION, alarm.alarm_id, "mei", 30, "repair_under_way", line.now_ns)
    alarms.unshelve(line.store, STATION, alarm.alarm_id, "mei", line.now_ns)
    assert line.state("belt_slip") == "unacknowledged"


def test_what_returns_on_the_shelf_stays_there(line: Line) -> None:
    line.part("belt_slip")
    [alarm] = line.look()
    alarms.acknowledge(line.store, STATION, alarm.alarm_id, "mei", line.now_ns)
    alarms.shelve(line.store, STATION, alarm.alarm_id, "mei", 30, "repair_under_way", line.now_ns)
    for _ in range(CLEAN_PARTS):
        line.part()
    assert line.state("belt_slip") == "shelved"
    line.now_ns += 31 * 60 * SECOND_NS
    assert line.state("belt_slip") == "returned"


def test_equipment_is_alarmed_after_some_seconds_and_returns_after_more(line: Line) -> None:
    states: list[str | None] = []
    for second in range(30):
        line.now_ns += SECOND_NS
        line.say(camera="missing" if second < 8 else "ok", microphone="ok", belt="ok")
        states.append(line.state("equipment:camera"))
    assert states[4] is None
    assert states[5] == states[17] == "unacknowledged"
    assert states[18] == "returned"


def test_a_line_that_is_off_raises_nothing(line: Line) -> None:
    line.say(camera="missing")
    line.look()
    line.now_ns += 60 * SECOND_NS
    assert line.look() == []


def test_many_channels_lost_at_once_are_one_case(line: Line) -> None:
    for _ in range(8):
        line.now_ns += SECOND_NS
        line.say(a="missing", b="stale", c="missing", d="ok")
        line.look()
    assert [alarm.cause for alarm in line.look()] == [WHOLE_STATION]


def test_a_flood_is_held_back_until_it_ebbs(line: Line) -> None:
    for number in range(14):
        line.part(f"cause_{number}")
    found = line.look()
    assert [alarm.held_back for alarm in found] == [False] * watching.FLOOD_BEGINS + [True] * 4
    assert sum(alarms.is_announced(alarm, line.now_ns) for alarm in found) == watching.FLOOD_BEGINS
    line.now_ns += 601 * SECOND_NS
    assert not any(alarm.held_back for alarm in line.look())
