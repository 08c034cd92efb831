"""Which shifts have ended, and that each is reported once, in both languages."""

from datetime import datetime, timedelta

import pytest

from inspector.diagnosis import load_catalogue
from inspector.errors import UsageError
from inspector.home import Home
from inspector.reports.shifts import ShiftPlan, parse_plan, write_missing
from inspector.store import Store

NOW = datetime(2026, 11, 24, 14, 10).astimezone()


def test_shifts_begin_by_the_plants_clock_and_end_a_little_later():
    plan = ShiftPlan()
    assert plan.begin(NOW).hour == 14
    assert plan.begin(NOW.replace(hour=3)).strftime("%d %H") == "23 22"
    ended = list(plan.ended(NOW))
    assert ended[-1] == (NOW.replace(hour=6, minute=0), NOW.replace(hour=14, minute=0))
    assert all(begin + timedelta(hours=8) == end for begin, end in ended)
    assert list(plan.ended(NOW - timedelta(minutes=8)))[-1][1].hour == 6  # the last parts may still be on their way
    assert parse_plan("05:30", 12).begin(NOW).strftime("%H:%M") == "05:30"


@pytest.mark.parametrize(("first", "hours"), [("6", 8), ("25:00", 8), ("06:00", 7), ("06:00", 0)])
def test_a_plan_that_is_none_is_refused(first, hours):
    with pytest.raises(UsageError, match=r"write when|must fill a day"):
        parse_plan(first, hours)


def test_each_shift_is_reported_once_in_both_languages(new_home, made_line):
    home = Home(new_home.root)
    at_ns = int(NOW.timestamp() - 3600) * 10**9
    with Store.open(home) as store:
        for number in range(3):
            store.add(made_line.inspection(number, fault=made_line.FAULTS[0], wall_utc_ns=at_ns + number))
        written = write_missing(store, home, load_catalogue(), ShiftPlan(), NOW)
        assert [path.name for path in written] == [f"2026-11-24-0600.{ending}" for ending in ("en.pdf", "en.html", "zh.pdf", "zh.html")]
        assert "控制图" in written[3].read_text(encoding="utf-8")
        assert write_missing(store, home, load_catalogue(), ShiftPlan(), NOW) == []
