from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from inspector.diagnosis import Catalogue, Measurement, Normal, Range
from inspector.diagnosis.findings import findings
from inspector.diagnosis.wording import evidence_of


def quantity(value: float, kind: str = "level", unit: str = "A") -> dict[str, Measurement]:
    item = Measurement("motor", "series", kind, value, unit, -1.0, 0.0)
    return {item.key: item}


def test_the_range_holds_what_good_parts_do_and_not_a_fault() -> None:
    rng = np.random.default_rng(1)
    normal = Normal.fit(quantity(value) for value in rng.normal(4, 0.1, 300))
    known = normal.range_of(quantity(4.0)["motor.level"])
    assert known is not None
    assert known.low == pytest.approx(4 - 0.21, abs=0.06)
    assert known.high == pytest.approx(4 + 0.21, abs=0.06)
    assert known.reach(4.8) > 2 > 1 > known.reach(4.1)
    assert known.reach(3.2) < -2


def test_few_parts_give_a_wide_range_and_none_gives_none() -> None:
    values = np.random.default_rng(2).normal(4, 0.1, 200)
    few, many = (Normal.fit(quantity(value) for value in values[:count]) for count in (5, 200))
    item = quantity(4.0)["motor.level"]
    widths = [known.high - known.low for known in (few.range_of(item), many.range_of(item)) if known is not None]
    assert widths[0] > 0.8 * widths[1]
    assert Normal.fit([]).range_of(item) is None
    assert Normal().share_beyond(item) is None


def test_a_constant_quantity_has_a_range_with_width() -> None:
    known = Normal.fit(quantity(4.0) for _ in range(50)).range_of(quantity(4.0)["motor.level"])
    assert known is not None
    assert known.low < 4.0 < known.high


def test_one_knock_is_no_alarm_where_there_was_none_before() -> None:
    knock = quantity(1.0, "impacts", "1/s")["motor.impacts"]
    known = Normal.fit(quantity(0.0, "impacts", "1/s") for _ in range(50)).range_of(knock)
    assert known is not None
    assert abs(known.reach(knock.value)) < 0.5


def test_what_cannot_be_negative_has_no_negative_range() -> None:
    known = Normal.fit(quantity(value) for value in [0.0, 0.01, 0.0, 0.02, 3.0]).range_of(quantity(0.0)["motor.level"])
    assert known is not None
    assert known.low == 0.0


def test_it_follows_the_line_slowly_and_stays_bounded() -> None:
    normal = Normal.fit(quantity(value) for value in np.random.default_rng(3).normal(4, 0.1, 200))
    item = quantity(5.0)["motor.level"]
    for _ in range(60):
        normal.update(quantity(5.0))
    after_a_minute = normal.range_of(item)
    rng = np.random.default_rng(4)
    for _ in range(12_000):
        normal.update(quantity(rng.normal(5, 0.1)))
    after_hours = normal.range_of(item)
    assert after_a_minute is not None
    assert after_hours is not None
    assert after_a_minute.centre == pytest.approx(4, abs=0.2)
    assert after_hours.centre == pytest.approx(5, abs=0.1)
    assert len(json.dumps(normal.to_dict())) < 5000


def test_it_survives_json_and_says_the_same() -> None:
    rng = np.random.default_rng(5)
    normal = Normal.fit(quantity(a) | quantity(b, "ripple") for a, b in rng.normal(4, 1, (60, 2)))
    normal.update(quantity(4.0, "new", "dB"))
    again = Normal.from_dict(json.loads(json.dumps(normal.to_dict())))
    item = quantity(9.0, "ripple")["motor.ripple"]
    first, second = normal.range_of(item), again.range_of(item)
    assert first is not None
    assert second is not None
    assert second.high == pytest.approx(first.high, rel=1e-3)
    assert again.parts == normal.parts == 61


@pytest.mark.parametrize(
    "content", [{}, {"format": 99}, {"format": 1, "seen": 1, "quantities": ["a"], "units": ["A"], "rows": [[1.0, 2.0]]}]
)
def test_what_is_not_a_table_of_normal_ranges_is_refused(content: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Normal.from_dict(content)


def test_how_often_normal_goes_as_far_is_known() -> None:
    normal = Normal.fit(quantity(float(value)) for value in range(100))
    assert normal.share_beyond(quantity(90.0)["motor.level"]) == pytest.approx(0.10)
    assert normal.share_beyond(quantity(500.0)["motor.level"]) == 0.0


def test_evidence_says_how_often_normal_goes_as_far_and_good_parts_come_before_the_recording_itself(catalogue: Catalogue) -> None:
    normal = Normal.fit(quantity(float(value)) for value in (*range(97), 300, 300, 300))
    (found,) = findings(quantity(200.0), normal, catalogue)
    assert evidence_of(found, catalogue).beyond_share == pytest.approx(0.03)
    assert findings(quantity(60.0), normal, catalogue)[0].beyond_share is None
    usual = Range(0.0, 5.0, 10.0, 40)
    item = replace(quantity(200.0)["motor.level"], usual=usual, beyond_share=0.0)
    (found,) = findings({item.key: item}, normal, catalogue)
    assert found.beyond_share == pytest.approx(0.03)
    (found,) = findings({item.key: item}, Normal(), catalogue)
    assert (found.high, found.beyond_share) == (10.0, 0.0)
