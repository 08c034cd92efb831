from pathlib import Path

from inspector.home import Home
from inspector.monitoring import alarms
from inspector.monitoring.handover import hand_over
from inspector.monitoring.watching import Watch
from inspector.parts import Cause, Diagnosis, Inspection, ModelRef, Parameter, PartRecord, Suggestion, Text, Trigger, Verdict
from inspector.store import Store

WORD = Text("Tighten", "张紧")
FIX = Suggestion("tighten", WORD, 0.9, (Parameter("tension", 0.5, "MPa", 0.4, 0.6),))
NOW_NS = 1_700_000_000_000_000_000


def failed(part_id: str, cause: str) -> Inspection:
    record = PartRecord(Trigger("press", part_id, 0), {}, wall_utc_ns=NOW_NS)
    return Inspection(record, Verdict("fail", 0.9, 0.5, ModelRef("m", "1", "0")), Diagnosis((Cause(cause, 0.9, WORD),), WORD), (FIX,))


def test_the_next_shift_is_told_what_is_open(tmp_path: Path) -> None:
    with Store.open(Home(tmp_path)) as store:
        one, two, three = (store.add(failed(f"P{n}", cause)) for n, cause in enumerate(("slip", "wear", "wear")))
        for alarm in Watch(store, "press", wall_ns=lambda: NOW_NS).look():
            if alarm.cause == "wear":
                alarms.shelve(store, "press", alarm.alarm_id, "mei", 30, "waiting_for_spare", NOW_NS)
        store.add_feedback(one, "applied", "tighten", "mei", detail={"parameters": []})
        store.add_feedback(one, "not_helped", "tighten", "mei")
        store.add_feedback(two, "applied", "tighten", "mei", "a little more than told", detail={"parameters": []})
        store.add_feedback(three, "not_helped", "tighten", "mei")
        store.add_feedback(three, "helped", "tighten", "li")
        store.add_feedback(three, "maintenance", who="li")
        left = hand_over(store, "press", 0, NOW_NS)
    assert [alarm.cause for alarm in left.open_alarms] == ["slip"]
    assert [alarm.cause for alarm in left.shelved_alarms] == ["wear"]
    assert [one.part.part_id for one in left.unhelped] == ["P0"]
    assert [(one.part.part_id, one.action) for one in left.untold] == [("P1", {"en": "Tighten", "zh": "张紧"})]
    assert [one.answer.who for one in left.maintenance] == ["li"]
    assert [one.answer.note for one in left.notes] == ["a little more than told"]
    assert (left.first_pass.parts, left.first_pass.passed, left.counts) == (3, 0, {"fail": 3})
