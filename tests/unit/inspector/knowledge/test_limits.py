"""No setting is suggested that is not safe, whatever is asked and however little is known of the station."""

import numpy as np
import pytest

from inspector.knowledge import Memory, Query
from inspector.knowledge.limits import SafeLimits, permitted, within
from inspector.parts import Case, Fix, Parameter, Text

TIGHTEN = Fix("tighten", Text("Tighten", "张紧"), ("belt_slip",), (), (Parameter("tension", 0.5, "MPa", 0.4, 0.6),))
STATIONS = {
    "s1": {("tension", "MPa"): (0.5, 0.7)},
    "s2": {("tension", "MPa"): (0.3, 0.52)},
    "s3": {},
    "s4": {("tension", "bar"): (4.0, 5.0)},
}


def test_a_station_that_is_not_known_is_bound_by_all_that_are() -> None:
    two = SafeLimits({name: STATIONS[name] for name in ("s1", "s2", "s3")}, [TIGHTEN])
    assert permitted("tension", "MPa", two.at("s1")) == (0.5, 0.6)
    assert permitted("tension", "MPa", two.at("s3")) == (0.4, 0.6)
    assert permitted("tension", "MPa", two.at(None)) == permitted("tension", "MPa", two.at("s9")) == (0.5, 0.52)


def test_what_is_limited_in_another_unit_is_not_compared() -> None:
    limits = SafeLimits(STATIONS, [TIGHTEN])
    assert permitted("tension", "MPa", limits.at("s4")) is None
    assert permitted("tension", "MPa", limits.at(None)) is None
    assert permitted("tension", "bar", limits.at("s1")) is None
    assert permitted("speed", "1/min", limits.at("s1")) == (-np.inf, np.inf)


def test_an_action_that_no_fix_describes_stays_within_what_some_fix_allows() -> None:
    said = [Case(f"c{n}", "belt slips", "turned the screw", cause="belt_slip", helped=True, parameters=(Parameter("tension", value, unit),))
            for n, (value, unit) in enumerate([(0.9, "MPa"), (0.9, "MPa"), (0.55, "MPa"), (9.0, "bar")])]  # fmt: skip
    found = {one.fix_id: one for one in Memory([TIGHTEN], said).suggest(Query(cause="belt_slip"))}
    (action,) = (one for fix_id, one in found.items() if fix_id != "tighten")
    assert action.parameters == (Parameter("tension", 0.55, "MPa", 0.4, 0.6),)


@pytest.mark.parametrize("asked", [Query(cause="belt_slip"), Query(text="belt slips"), Query(cause="belt_slip", text="slips")])
def test_no_question_gets_an_unsafe_setting(asked: Query) -> None:
    rng = np.random.default_rng(1)
    cases = [
        Case(f"c{n}", "belt slips", "" if n % 2 else "turned the screw", fix_id="tighten" if n % 2 else None, cause="belt_slip",
             station=f"s{n % 5}", helped=bool(rng.random() < 0.7), parameters=(Parameter("tension", float(rng.uniform(0, 1.2)), "MPa"),))
        for n in range(60)
    ]  # fmt: skip
    memory, safe = Memory([TIGHTEN], cases, limits=STATIONS), SafeLimits(STATIONS, [TIGHTEN])
    for station in (None, "s1", "s2", "s3", "s4", "elsewhere"):
        query = Query(cause=asked.cause, text=asked.text, station=station)
        for suggestion in memory.suggest(query):
            for one in suggestion.parameters:
                allowed = permitted(one.name, one.unit, safe.at(station))
                assert allowed is not None
                assert allowed[0] <= one.value <= allowed[1]
            for lately in suggestion.worked:
                assert allowed is not None
                assert allowed[0] <= lately.low <= lately.high <= allowed[1]


def test_what_was_suggested_before_a_limit_was_narrowed_loses_its_setting() -> None:
    old = [
        {
            "fix_id": "tighten",
            "parameters": [{"name": "tension", "value": 0.45, "unit": "MPa"}, {"name": "speed", "value": 3, "unit": "m/s"}],
        }
    ]
    (now,) = within(old, SafeLimits(STATIONS).at("s1"))
    assert now == {"fix_id": "tighten", "parameters": [{"name": "speed", "value": 3, "unit": "m/s"}]}
