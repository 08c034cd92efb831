"""A statement is held against the record: what contradicts it is pointed out, what agrees is not."""

import pytest

from inspector.diagnosis import load_catalogue
from inspector.reports import check_statement

RECORD = {
    "outcome": "fail",
    "score": 0.94,
    "threshold": 0.56,
    "condition": {"complete": False, "degraded": {"microphone": "no data in the window"}},
    "defects": [{"kind": "scratch", "confidence": 0.9}],
    "causes": [
        {
            "name": "belt_slip",
            "probability": 0.93,
            "evidence": [{"channel": "motor_current", "measured": 0.6, "expected_low": None, "expected_high": 0.243, "unit": "A"}],
        },
        {"name": "bearing_wear", "probability": 0.04},
        {"name": "overheating", "probability": 0.3},
        {"name": "not_measured", "probability": 0.03},
    ],
}
CATALOGUE = load_catalogue()


def findings(text, record=RECORD):
    return [(remark.about, remark.finding) for remark in check_statement(text, record, CATALOGUE)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The part was accepted.", [("disposition", "contradicts")]),
        ("The part was rejected.", [("disposition", "holds")]),
        ("The part was not accepted.", [("disposition", "holds")]),
        ("零件合格，放行。", [("disposition", "contradicts")]),
        ("零件不合格。", [("disposition", "holds")]),
        ("Cause: belt slip.", [("cause", "holds")]),
        ("There was no belt slip.", [("cause", "contradicts")]),
        ("Bearing wear made it.", [("cause", "contradicts")]),
        ("Bearing wear, not belt slip.", [("cause", "contradicts"), ("cause", "contradicts")]),
        ("It may be overheating.", [("cause", "unsupported")]),
        ("原因为皮带打滑。", [("cause", "holds")]),
        ("并非皮带打滑。", [("cause", "contradicts")]),
        ("Two scratches were seen.", [("defect", "holds")]),
        ("No scratch, only rust.", [("defect", "contradicts"), ("defect", "contradicts")]),
        ("表面有划痕。", [("defect", "holds")]),
        ("The motor current rippled with 0.60 A.", [("figure", "holds")]),
        ("The motor current rippled with 0.9 A.", [("figure", "contradicts")]),
        ("The motor current was normal up to 0.24 A.", [("figure", "holds")]),
        ("It drew 7 A.", [("figure", "unsupported")]),
        ("All channels were recorded.", [("signals", "contradicts")]),
        ("信号完整。", [("signals", "contradicts")]),
        ("Part 12 of 40, seen on Monday.", []),
        ("", []),
    ],
)
def test_what_is_written_is_held_against_the_record(text, expected):
    assert sorted(findings(text)) == sorted(expected)


def test_a_part_for_review_leaves_the_disposition_to_a_person():
    assert findings("The part passed.", {**RECORD, "outcome": "review"}) == [("disposition", "unsupported")]


def test_each_sentence_is_checked_by_itself_and_told_in_both_languages():
    remarks = check_statement("The part was released. Cause: belt slip!", RECORD, CATALOGUE)
    assert [remark.said for remark in remarks] == ["The part was released.", "Cause: belt slip!"]
    assert "the verdict is fail" in remarks[0].document()["record"]["en"]
    assert "判定为不合格" in remarks[0].document()["record"]["zh"]
