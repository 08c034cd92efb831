"""A part whose cause keeps coming back at its station says so."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from inspector.document import inspection_document
from inspector.knowledge import Memory
from inspector.parts import Case, Cause, Diagnosis, Fix, Inspection, ModelRef, Parameter, PartRecord, Suggestion, Text, Trigger, Verdict
from inspector.pipeline import Pipeline

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
FIX = Fix("tighten", Text("Tighten", "张紧"), ("belt_slip",))

RECORD = PartRecord(Trigger("s1", "p1", 0), {}, wall_utc_ns=int(NOW.timestamp() * 1e9))
VERDICT = Verdict("fail", 0.9, 0.5, ModelRef("m", "1", "0"))
DIAGNOSIS = Diagnosis((Cause("belt_slip", 0.8, Text("belt slip", "皮带打滑")),), Text("belt", "皮带"))


def suggested(memory: Memory) -> tuple[tuple[Suggestion, ...], Text | None]:
    return Pipeline(None, None, None, memory)._suggest(RECORD, VERDICT, DIAGNOSIS)  # type: ignore[arg-type]


def escalation(days_ago: list[int]) -> Text | None:
    cases = [
        Case(f"c{days}", fix_id="tighten", cause="belt_slip", station="s1", when=(NOW - timedelta(days=days)).isoformat())
        for days in days_ago
    ]
    suggestions, said = suggested(Memory([FIX], cases))
    assert [one.fix_id for one in suggestions] == ["tighten"]
    document = inspection_document(Inspection(RECORD, VERDICT, DIAGNOSIS, suggestions, escalation=said))
    assert document.get("escalation") == (None if said is None else {"en": said.en, "zh": said.zh})
    return said


def test_the_third_time_in_a_week_is_said() -> None:
    assert escalation([1, 3]) == Text("third time in 7 days: ask for maintenance", "7 天内第 3 次：请安排检修")
    assert escalation([1, 9]) is None


def test_a_line_suggests_only_what_its_station_may_be_set_to() -> None:
    fix = replace(FIX, parameters=(Parameter("belt_tension", 0.5, "MPa", 0.4, 0.6),))
    memory = Memory([fix], [], limits={"s1": {("belt_tension", "MPa"): (0.3, 0.45)}})
    (suggestion,) = suggested(memory)[0]
    assert suggestion.parameters == (Parameter("belt_tension", 0.45, "MPa", 0.4, 0.45),)
