"""How findings become probabilities: noisy OR, explaining away, two causes at once, time order, and what to test next."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from inspector.diagnosis import Catalogue
from inspector.diagnosis.credit import Credit
from inspector.diagnosis.findings import Finding
from inspector.diagnosis.hypotheses import Posterior, Table, all_pairs
from inspector.diagnosis.measurements import Measurement
from inspector.diagnosis.next_test import next_test
from inspector.diagnosis.ranking import Ranking, Suspect, rank
from inspector.diagnosis.witnesses import by_symptom, witnesses
from inspector.parts import NOT_MEASURED, Channel, Defect, ModelRef, PartRecord, Series, Trigger, Verdict

REF = ModelRef("test", "1", "0" * 64)
FAIL = Verdict("fail", 0.95, 0.5, REF, (Defect("scratch", 0.9),))
QUIET = Verdict("review", 0.5, 0.5, REF)


def title(word: str) -> dict[str, str]:
    return {"en": word, "zh": f"因{word}"}


def cause(name: str, *symptoms: dict[str, Any], **more: Any) -> dict[str, Any]:
    test = {**title(f"test {name}"), "minutes": 4}
    return {"name": name, "title": title(name), "prior": 0.05, "because": title("so"), "symptoms": list(symptoms), "test": test} | more


def symptom(kind: str, channel: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "channel": channel, "p_if_present": 0.8, "p_if_absent": 0.04} | more


def catalogue(*causes: dict[str, Any], **more: Any) -> Catalogue:
    unmeasured = {"prior": 0.3, "defect": 0.06, "title": title("not measured")}
    return Catalogue.model_validate({"not_measured": unmeasured, "causes": list(causes)} | more)


def finding(channel: str, kind: str, reach: float, start_s: float = -10.0) -> Finding:
    return Finding(Measurement(channel, "series", kind, reach, "A", start_s, 0.0, channel_unit="A"), -1.0, 1.0, reach, learnt=True)


def record(*channels: str) -> PartRecord:
    series = {name: Series(np.zeros(2, dtype=np.int64), np.zeros(2), "A") for name in channels}
    return PartRecord(Trigger("line", "p1", 0), {name: Channel(name, "series", "A") for name in channels}, series=series)


def chances(found: list[Finding], known: Catalogue, verdict: Verdict = QUIET, credit: Credit | None = None) -> dict[str, float]:
    ranking = rank(found, record(*{item.measurement.channel for item in found}), verdict, known, credit)
    return {suspect.name: suspect.probability for suspect in ranking.suspects}


TWO = catalogue(
    cause("one", symptom("level", "north"), symptom("level", "mid")), cause("two", symptom("level", "south"), symptom("level", "mid"))
)


def test_a_set_of_causes_is_weighed_as_a_noisy_or() -> None:
    found = [finding("north", "level", 9.0), finding("south", "level", 0.1), finding("mid", "level", 9.0)]
    heard = [witnesses(rule, by_symptom(found, TWO)[rule.name], QUIET) for rule in TWO.causes]
    table = Table.of(heard)
    assert table.link.shape == (2, 3)
    late = table._at(np.array([[0, 1]]), [1.0, 1.0])[0]
    link, absent, rarity = (0.8 - 0.04) / 0.96, 0.04, heard[0][0].rarity
    both = 1 - (1 - absent) * (1 - link) ** 2
    expected = math.log(0.8 / (absent * rarity)) + math.log(0.2 / 0.96) + math.log(both / (absent * rarity))
    assert late == pytest.approx(expected, rel=1e-3)


def test_the_chances_of_all_sets_sum_to_one() -> None:
    posterior = Posterior.of(("x", "y", "z"), np.array([1.0, -1.0, 0.5]), all_pairs(3), np.array([0.2, -3.0, -1.0]))
    assert posterior.nothing + posterior.alone.sum() + posterior.together.sum() == pytest.approx(1)
    assert posterior.active["x"] == pytest.approx(posterior.alone[0] + posterior.both["x", "y"] + posterior.both["x", "z"])


def test_a_symptom_that_one_cause_explains_takes_the_other_away() -> None:
    shared = finding("mid", "level", 6.0)
    before = chances([shared], TWO)
    explained = chances([shared, finding("north", "level", 6.0), finding("south", "level", 0.0)], TWO)
    assert before["one"] == pytest.approx(before["two"])
    assert explained["one"] > 0.9
    assert explained["two"] < 0.5 * before["two"]


def test_two_causes_at_once_are_both_kept() -> None:
    found = [finding("north", "level", 6.0), finding("south", "level", 6.0), finding("mid", "level", 6.0)]
    ranking = rank(found, record("north", "south", "mid"), QUIET, TWO)
    likely = {suspect.name: suspect.probability for suspect in ranking.suspects}
    assert likely["one"] > 0.8
    assert likely["two"] > 0.8
    assert ranking.both("two", "one") == ranking.both("one", "two") > 0.6
    assert likely[NOT_MEASURED] < 0.01


def test_nothing_out_of_range_leaves_the_unmeasured_cause() -> None:
    found = [finding(channel, "level", 0.2) for channel in ("north", "south", "mid")]
    assert chances(found, TWO)[NOT_MEASURED] > 0.9


CHAIN = catalogue(
    cause("first", symptom("step", "north", lag_s=[0, 1]), leads_to={"second": 0.5}),
    cause("second", symptom("step", "south", lag_s=[0, 1])),
)


def test_a_cause_does_not_follow_its_effect() -> None:
    def both(a_s: float, b_s: float) -> float:
        found = [finding("north", "step", 4.0, a_s), finding("south", "step", 1.2, b_s)]
        return rank(found, record("north", "south"), QUIET, CHAIN).both("first", "second")

    assert both(-20.0, -10.0) > both(-10.0, -20.0) + 0.05


def test_a_symptom_of_another_time_speaks_against_its_cause() -> None:
    known = catalogue(cause("one", symptom("step", "north", lag_s=[0, 1]), symptom("step", "south", lag_s=[0, 1])))

    def suspect(b_s: float) -> Suspect:
        found = [finding("north", "step", 6.0, -30.0), finding("south", "step", 5.0, b_s)]
        return next(s for s in rank(found, record("north", "south"), QUIET, known).suspects if s.name == "one")

    together, apart = suspect(-29.5), suspect(-10.0)
    assert apart.probability < together.probability
    assert [witness.finding.measurement.channel for witness in apart.against_it] == ["south"]
    assert not together.against_it


def test_what_began_after_the_part_has_not_made_its_defect() -> None:
    known = catalogue(cause("one", symptom("step", "north", lag_s=[0, 1]), defects={"scratch": 0.9}))
    early, late = (chances([finding("north", "step", 1.5, at_s)], known, FAIL)["one"] for at_s in (-3.0, 3.0))
    assert early > 1.5 * late


@pytest.mark.parametrize("lag", [[2, 1], [-1, 1]])
def test_a_lag_the_wrong_way_round_is_refused(lag: list[float]) -> None:
    with pytest.raises(ValueError, match="does not come before its cause"):
        catalogue(cause("one", symptom("step", "north", lag_s=lag)))


HEAD = Verdict("review", 0.5, 0.5, REF, cause_probabilities={"none": 0.08, "one": 0.9, "two": 0.02})


def test_the_network_alone_decides_where_the_symptoms_have_no_credit() -> None:
    found = [finding("north", "level", 0.0), finding("south", "level", 6.0), finding("mid", "level", 6.0)]
    assert max(chances(found, TWO, HEAD, Credit(1.0, 0.0)).items(), key=lambda item: item[1])[0] == "one"
    assert max(chances(found, TWO, HEAD, Credit(0.0, 1.0)).items(), key=lambda item: item[1])[0] == "two"


def test_the_network_alone_gives_its_own_probabilities() -> None:
    said = rank([finding("north", "level", 0.0)], record("north"), HEAD, TWO, Credit(1.0, 0.0))
    alone = {suspect.name: suspect.probability for suspect in said.suspects}
    assert alone["one"] == pytest.approx(0.9, abs=0.05)


@pytest.mark.parametrize("content", [{"head": 2.0}, {"heads": 1.0}, {"head": "much"}])
def test_credit_out_of_bounds_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        Credit.from_dict(content)


def ranking(one: float, two: float, both: float = 0.0) -> Ranking:
    rest = Suspect(NOT_MEASURED, max(1 - one - two + both, 0.0))
    suspects = sorted((Suspect("one", one), Suspect("two", two), rest), key=lambda suspect: -suspect.probability)
    return Ranking(tuple(suspects), {("one", "two"): both})


def minutes_of(minutes_one: float, minutes_two: float, sure_one: float = 0.95) -> Catalogue:
    return catalogue(
        cause("one", symptom("level", "north"), test={**title("look at one"), "minutes": minutes_one, "sure": sure_one}),
        cause("two", symptom("level", "south"), test={**title("look at two"), "minutes": minutes_two}),
    )


def test_the_next_test_is_the_one_that_tells_most_per_minute() -> None:
    even = ranking(0.5, 0.45)
    cheap, dear = next_test(even, minutes_of(2, 10)), next_test(even, minutes_of(10, 2))
    assert cheap is not None
    assert dear is not None
    assert (cheap.en, dear.en) == ("look at one (2 min)", "look at two (2 min)")
    unsure = next_test(even, minutes_of(2, 3, sure_one=0.55))
    assert unsure is not None
    assert unsure.en == "look at two (3 min)"


def test_nothing_is_to_be_tested_where_the_cause_is_certain_or_none_is_known() -> None:
    assert next_test(ranking(0.99, 0.0), minutes_of(2, 2)) is None
    assert next_test(Ranking((Suspect(NOT_MEASURED, 1.0),), {}), minutes_of(2, 2)) is None


def test_two_causes_that_are_both_certain_need_no_test() -> None:
    assert next_test(ranking(0.999, 0.999, 0.999), minutes_of(2, 2)) is None


def test_a_channel_is_heard_as_far_as_it_can_be_trusted_and_not_at_all_where_it_cannot() -> None:
    found = [finding("north", "level", 4.0)]
    good = chances(found, TWO)["one"]
    doubtful = chances(found, TWO, Verdict("review", 0.5, 0.5, REF, quality={"north": 0.5}, degraded={"north": "mains hum"}))["one"]
    spoilt = chances(found, TWO, Verdict("review", 0.5, 0.5, REF, quality={"north": 0.0}, degraded={"north": "clipped"}))["one"]
    unrated = chances(found, TWO, Verdict("review", 0.5, 0.5, REF, degraded={"north": "clipped"}))["one"]
    unheard = chances([finding("north", "peak", 4.0)], TWO)["one"]
    assert good > doubtful > unrated > spoilt
    assert spoilt == pytest.approx(unheard, abs=0.02)
