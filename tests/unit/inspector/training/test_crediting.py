"""The credit of network and symptoms, found on parts held out: never worse than the better of the two alone."""

from __future__ import annotations

import numpy as np
import pytest

from inspector.diagnosis import Credit
from inspector.diagnosis.credit import Head
from inspector.diagnosis.hypotheses import all_pairs
from inspector.diagnosis.ranking import Hearing
from inspector.parts import NOT_MEASURED, ModelRef, Verdict
from inspector.training.crediting import HEAD_ALONE, SYMPTOMS_ALONE, Heard, _tried, credit_of

NAMES = ("slip", "wear", "leak")


def part(cause: str, head_says: str, symptoms_say: str) -> Heard:
    """Return a part of which network and symptoms each name one cause, clearly."""
    given = {name: 0.85 if name == head_says else 0.05 for name in ("none", *NAMES)}
    verdict = Verdict("fail", 0.9, 0.5, ModelRef("m", "1", ""), cause_probabilities=given)
    alone = np.array([3.0 if name == symptoms_say else -2.0 for name in NAMES])
    pairs = all_pairs(3)
    hearing = Hearing(
        names=NAMES,
        heard=((), (), ()),
        forms=(None, None, None),
        head=Head.of(verdict),
        odds=np.full(3, -1.5),
        alone=alone,
        pairs=pairs,
        joint=alone[pairs].sum(axis=1),
        beside=np.full((2, 3), -4.0),
    )
    return Heard(hearing, NOT_MEASURED if cause == "none" else cause)


def parts(head_right: float, symptoms_right: float, seed: int = 1) -> list[Heard]:
    rng = np.random.default_rng(seed)
    truth = rng.choice(NAMES, 60)

    def said(right: float) -> list[str]:
        return [str(name) if rng.random() < right else str(rng.choice(NAMES)) for name in truth]

    rows = zip(truth, said(head_right), said(symptoms_right), strict=True)
    return [part(str(cause), head, symptoms) for cause, head, symptoms in rows] + [part("none", "none", "none")] * 20


@pytest.mark.parametrize(("head_right", "symptoms_right"), [(0.95, 0.3), (0.3, 0.95), (0.8, 0.8)])
def test_two_witnesses_together_are_not_worse_than_the_better_one(head_right: float, symptoms_right: float) -> None:
    heard = parts(head_right, symptoms_right)
    credit, told = credit_of(heard)
    assert _tried(heard, credit)["top1"] >= max(_tried(heard, alone)["top1"] for alone in (HEAD_ALONE, SYMPTOMS_ALONE))
    assert told["causes_top1_by"]["together"] == _tried(heard, credit)["top1"]


def test_the_better_witness_is_given_more_credit() -> None:
    good_head, good_symptoms = credit_of(parts(0.97, 0.3))[0], credit_of(parts(0.3, 0.97))[0]
    assert good_head.head - good_head.symptoms > good_symptoms.head - good_symptoms.symptoms


def test_symptoms_are_held_back_only_where_that_names_clearly_more_causes_right() -> None:
    assert credit_of(parts(0.85, 0.8))[0].symptoms == 1.0
    assert credit_of(parts(0.97, 0.2))[0].symptoms < 0.5


def test_few_parts_change_nothing() -> None:
    assert credit_of(parts(0.9, 0.1)[:10]) == (Credit(), {})
    assert credit_of([]) == (Credit(), {})
