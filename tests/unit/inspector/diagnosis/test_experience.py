"""Confirmed cases move the catalogue's chances: a few a little, many all the way."""

from __future__ import annotations

import json

import pytest

from inspector.diagnosis import Catalogue, Experience
from inspector.diagnosis.experience import rule_of


def slip_rule(catalogue: Catalogue, number: int = 0) -> str:
    cause = catalogue.by_name["belt_slip"]
    return rule_of(cause, cause.symptoms[number])


def test_nothing_confirmed_changes_nothing(catalogue: Catalogue) -> None:
    assert Experience().taught(catalogue) is catalogue
    assert Experience.of([("gremlins", {}, None)]).taught(catalogue) is catalogue


def test_a_symptom_that_is_never_seen_loses_its_chance(catalogue: Catalogue) -> None:
    rule = slip_rule(catalogue)
    chances = [
        Experience.of([("belt_slip", {rule: 0.0}, "scratch")] * cases).taught(catalogue).by_name["belt_slip"].symptoms[0].p_if_present
        for cases in (1, 10, 200)
    ]
    assert chances == pytest.approx([0.85 * 10 / 11, 0.85 * 10 / 20, 0.85 * 10 / 210])


def test_what_was_not_looked_for_stays(catalogue: Catalogue) -> None:
    taught = Experience.of([("belt_slip", {slip_rule(catalogue): 1.0}, None)] * 5).taught(catalogue).by_name["belt_slip"]
    assert taught.symptoms[0].p_if_present == pytest.approx((8.5 + 5) / 15)
    assert taught.symptoms[1:] == catalogue.by_name["belt_slip"].symptoms[1:]


def test_common_causes_become_likelier_and_their_sum_stays(catalogue: Catalogue) -> None:
    taught = Experience.of([("overheating", {}, None)] * 30).taught(catalogue)
    assert taught.by_name["overheating"].prior > 5 * catalogue.by_name["overheating"].prior
    assert taught.by_name["belt_slip"].prior < catalogue.by_name["belt_slip"].prior
    assert sum(cause.prior for cause in taught.causes) == pytest.approx(sum(cause.prior for cause in catalogue.causes), rel=0.05)


def test_defects_that_a_cause_really_made_are_learnt(catalogue: Catalogue) -> None:
    taught = Experience.of([("belt_slip", {}, "burr")] * 10).taught(catalogue).by_name["belt_slip"]
    assert taught.defects == pytest.approx({"scratch": 0.35, "burr": 0.5})


def test_experience_is_a_value_that_can_be_kept(catalogue: Catalogue) -> None:
    experience = Experience.of([("belt_slip", {slip_rule(catalogue): 0.7}, "scratch")] * 3)
    again = Experience.from_dict(json.loads(json.dumps(experience.to_dict())))
    assert again == experience
    with pytest.raises((KeyError, TypeError, ValueError)):
        Experience.from_dict({"cases": {}})


def test_what_a_taught_catalogue_holds_is_valid(catalogue: Catalogue) -> None:
    rules = {slip_rule(catalogue, number): 1.0 for number in range(len(catalogue.by_name["belt_slip"].symptoms))}
    taught = Experience.of([("belt_slip", rules, "scratch")] * 5000).taught(catalogue)
    assert Catalogue.model_validate(taught.model_dump()) == taught
