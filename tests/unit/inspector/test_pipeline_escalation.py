"""A part whose cause keeps coming back at its station says so."""

from datetime import UTC, datetime, timedelta

from inspector.document import inspection_document
from inspector.knowledge import Memory
from inspector.parts import Case, Cause, Diagnosis, Fix, Inspection, ModelRef, PartRecord, Text, Trigger, Verdict
from inspector.pipeline import Pipeline

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
FIX = Fix("tighten", Text("Tighten", "张紧"), ("belt_slip",))


def escalation(days_ago: list[int]) -> Text | None:
    cases = [
        Case(f"c{days}", fix_id="tighten", cause="belt_slip", station="s1", when=(NOW - timedelta(days=days)).isoformat())
        for days in days_ago
    ]
    record = PartRecord(Trigger("s1", "p1", 0), {}, wall_utc_ns=int(NOW.timestamp() * 1e9))
    verdict = Verdict("fail", 0.9, 0.5, ModelRef("m", "1", "0"))
    diagnosis = Diagnosis((Cause("belt_slip", 0.8, Text("belt slip", "皮带打滑")),), Text("belt", "皮带"))
    pipeline = Pipeline(None, None, None, Memory([FIX], cases))  # type: ignore[arg-type]
    suggestions, said = pipeline._suggest(record, verdict, diagnosis)
    assert [one.fix_id for one in suggestions] == ["tighten"]
    document = inspection_document(Inspection(record, verdict, diagnosis, suggestions, escalation=said))
    assert document.get("escalation") == (None if said is None else {"en": said.en, "zh": said.zh})
    return said


def test_the_third_time_in_a_week_is_said() -> None:
    assert escalation([1, 3]) == Text("third time in 7 days: ask for maintenance", "7 天内第 3 次：请安排检修")
    assert escalation([1, 9]) is None
