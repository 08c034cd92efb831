"""What a suggestion says of its chance, its settings, its failures, and of faults that come back."""

from datetime import UTC, datetime

import pytest

from inspector.knowledge import Memory, Query
from inspector.knowledge.chance import Posterior, Tally, posterior
from inspector.knowledge.outcome import before_and_after
from inspector.knowledge.recurrence import recurrence
from inspector.parts import Case, Fix, Parameter, Text, Worked

TIGHTEN = Fix("tighten", Text("Tighten", "张紧"), ("belt_slip",), (), (Parameter("tension", 0.5, "MPa", 0.4, 0.6),), 5.0)


def cases(helped: str, station: str = "s1", product: str | None = None, tension: float | None = None) -> list[Case]:
    settings = () if tension is None else (Parameter("tension", tension, "MPa"),)
    return [
        Case(f"{station}-{product}-{tension}-{n}", fix_id="tighten", cause="belt_slip", station=station, product=product,
             helped=letter == "y", parameters=settings, when=f"2026-01-{n + 1:02d}T00:00:00+00:00")
        for n, letter in enumerate(helped)
    ]  # fmt: skip


def test_the_interval_holds_the_chance_and_narrows_with_experience() -> None:
    few, many = posterior([Tally(4, 3)]), posterior([Tally(400, 300)])
    for known in (few, many):
        low, high = known.interval
        assert 0 <= low < known.mean < high <= 1
    assert many.interval[1] - many.interval[0] < 0.1 < few.interval[1] - few.interval[0]
    # Beta(2, 2): the quantiles at 0.05 and 0.95 solve 3x² - 2x³ = q.
    assert Posterior(2, 2).interval == pytest.approx((0.1354, 0.8646), abs=2e-3)
    low, high = posterior([Tally(1_000_000, 990_000)]).interval
    assert 0.9897 < low < 0.99 < high < 0.9903


def test_a_product_is_asked_before_all_and_a_station_before_the_product() -> None:
    memory = Memory([TIGHTEN], cases("nnnnnn", "s9", "plate") + cases("yyyyyy", "s9", "bracket") + cases("nnnn", "s1", "bracket"))

    def chance(**asked: str) -> float:
        return memory.suggest(Query(cause="belt_slip", **asked))[0].chance or 0

    assert chance(product="plate") < chance() < chance(product="bracket")
    assert chance(station="s1", product="bracket") < chance(station="s2", product="bracket")


def test_what_worked_lately_is_a_range_within_the_limits_of_the_station() -> None:
    known = cases("y" * 10, tension=0.48) + cases("yyyy", "s2", tension=0.52) + cases("nn", "s3", tension=0.59)
    (open_limits,) = Memory([TIGHTEN], known).suggest(Query(cause="belt_slip"))
    assert open_limits.worked == (Worked("tension", "MPa", 0.48, 0.52, 12),)
    limits = {"s1": {("tension", "MPa"): (0.5, 0.7)}, "s4": {("tension", "MPa"): (0.7, 0.8)}}
    memory = Memory([TIGHTEN], known, limits=limits)
    (narrow,) = memory.suggest(Query(cause="belt_slip", station="s1"))
    assert narrow.parameters == (Parameter("tension", 0.52, "MPa", 0.5, 0.6),)
    (nowhere,) = memory.suggest(Query(cause="belt_slip", station="s4"))
    assert nowhere.parameters == () == nowhere.worked


def test_a_fix_that_failed_says_so() -> None:
    (bad,) = Memory([TIGHTEN], cases("nnnyn")).suggest(Query(cause="belt_slip"))
    assert bad.warning == Text("helped only once in 5 tries", "试过 5 次，仅 1 次有效")
    (good,) = Memory([TIGHTEN], cases("yyyny")).suggest(Query(cause="belt_slip"))
    assert good.warning is None


def test_a_fault_that_comes_back_is_escalated() -> None:
    now = datetime(2026, 3, 10, 12, tzinfo=UTC)
    week = ["2026-03-05T08:00:00+00:00", "2026-03-05T08:20:00+00:00", "2026-03-08T08:00:00"]
    again = recurrence(week, now)
    assert again is not None
    assert (again.times, again.text.en) == (3, "third time in 7 days: ask for maintenance")
    assert again.text.zh == "7 天内第 3 次：请安排检修"
    assert recurrence(week[:2], now) is None
    assert recurrence(["2026-02-01", *week[:2], "2026-03-10T11:40:00+00:00"], now) is None
    memory = Memory([TIGHTEN], cases("yyy"))
    assert memory.recurrence(Query(cause="belt_slip", station="s1"), datetime(2026, 1, 4, tzinfo=UTC)) is not None
    assert memory.recurrence(Query(cause="belt_slip", station="s2"), datetime(2026, 1, 4, tzinfo=UTC)) is None


def test_the_parts_themselves_say_whether_it_helped() -> None:
    bad, good = [True], [False]
    assert before_and_after(bad * 10 + good * 40, good * 50).helped is True
    assert before_and_after(bad * 10 + good * 40, bad * 11 + good * 39).helped is False
    assert before_and_after(bad * 2 + good * 48, good * 10).helped is None
    assert before_and_after([], []).helped is None
    assert before_and_after(good * 50, good * 50).helped is None
    known = before_and_after(bad * 10 + good * 40, good * 50)
    assert known.text.en == "the defect rate fell (defective parts 10/50 → 0/50)"
    assert known.text.zh == "不良率已下降（不良件 10/50 → 0/50）"
