"""Control charts and drift of a batch against the parts before it."""

import numpy as np
import pytest

from inspector.reports import html_of
from inspector.reports.sheet import Picture, Sheet, Table
from inspector.reports.steadiness import add_control_charts, add_drift
from inspector.store import InspectionSummary


def parts(number, level, failing=0.02, seed=0):
    random = np.random.default_rng(seed)
    scores = random.beta(2, 20, number) + level
    return [
        InspectionSummary(
            f"{n:06d}",
            f"P{n}",
            "s",
            n * 10**9,
            "fail" if random.random() < failing else "pass",
            float(s),
            0.9,
            None,
            None,
            True,
            1.0,
            False,
        )
        for n, s in enumerate(scores)
    ]


@pytest.mark.parametrize(("lang", "outside", "steady"), [("en", "outside, the first at", "in control"), ("zh", "点超限", "受控")])
def test_a_steady_batch_is_in_control_and_one_that_moved_is_not(lang, outside, steady):
    pages = []
    for level in (0.0, 0.2):
        sheet = Sheet("t", "s", lang, "m", "p")
        add_control_charts(sheet, parts(600, 0.0), parts(300, level, seed=1))
        assert sum(isinstance(block, Picture) for block in sheet.blocks) == 4
        pages.append(html_of(sheet))
    assert pages[0].count(steady) >= 3
    assert outside in pages[1]


@pytest.mark.parametrize(("level", "failing", "told"), [(0.0, 0.02, ["not seen", "not seen"]), (0.2, 0.3, ["yes", "yes"])])
def test_drift_is_told_from_chance(level, failing, told):
    sheet = Sheet("t", "s", "en", "m", "p")
    add_drift(sheet, parts(600, 0.0), parts(300, level, failing, seed=1))
    (table,) = [block for block in sheet.blocks if isinstance(block, Table)]
    assert [row[-1] for row in table.rows[:2]] == told


def test_with_too_few_parts_before_a_report_says_so():
    sheet = Sheet("t", "s", "en", "m", "p")
    add_control_charts(sheet, parts(10, 0.0), parts(30, 0.0))
    add_drift(sheet, parts(10, 0.0), parts(30, 0.0))
    page = html_of(sheet)
    assert "control charts need 200" in page
    assert "200 are needed" in page
