"""How much the network's opinion on the cause counts beside the measured symptoms, as parts held out from learning say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from inspector.diagnosis import Catalogue, Credit, Normal, listen, measure
from inspector.diagnosis.findings import findings
from inspector.diagnosis.ranking import Hearing
from inspector.fusion.calibration import Calibration, softmax
from inspector.parts import NOT_MEASURED, ModelRef, Verdict
from inspector.training.calibrating import Witnessed
from inspector.training.samples import Sample

STEPS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
HEAD_ALONE, SYMPTOMS_ALONE = Credit(1.0, 0.0), Credit(0.0, 1.0)
FEWEST_CAUSED = 20
PRIOR_PARTS = 10.0
"""How many parts' worth of belief stand behind the credit that is given where nobody has measured it."""
NO_CAUSE = "none"
_UNNAMED = ModelRef("", "", "")


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said of one held-out part, with its true cause (`NOT_MEASURED`: none)."""

    hearing: Hearing
    cause: str


def hear(
    held: Witnessed,
    calibration: Calibration,
    samples: Sequence[Sample],
    *,
    kinds: Sequence[str],
    causes: Sequence[str],
    normal: Normal,
    catalogue: Catalogue,
) -> list[Heard]:
    """Return what network and symptoms say of each held-out part."""
    by_id = {sample.part.part_id: sample for sample in samples}
    found = []
    for row, part_id in enumerate(held.part_ids):
        sample = by_id[part_id]
        verdict = _verdict(held, row, calibration, kinds, causes)
        record = sample.features.record
        seen = findings(measure(record, sample.part.machine), normal, catalogue)
        cause = sample.part.cause
        found.append(Heard(listen(seen, record, verdict, catalogue), NOT_MEASURED if cause in (None, NO_CAUSE) else str(cause)))
    return found


def _verdict(held: Witnessed, row: int, calibration: Calibration, kinds: Sequence[str], causes: Sequence[str]) -> Verdict:
    score = calibration.score(held.evidence[row])
    return Verdict(
        outcome=calibration.outcome(score),
        score=score,
        threshold=calibration.threshold,
        model=_UNNAMED,
        kind_probabilities=_named(kinds, held.kind_logits[row], calibration.kind_temperature),
        cause_probabilities=_named(causes, held.cause_logits[row], calibration.cause_temperature),
    )


def _named(names: Sequence[str], logits: np.ndarray, temperature: float) -> dict[str, float]:
    return {name: float(p) for name, p in zip(names, softmax(logits, temperature), strict=True)} if names else {}


def credit_of(heard: Sequence[Heard]) -> tuple[Credit, dict[str, Any]]:
    """Return the credit of two witnesses together, and its figures. With few parts, the usual credit.

    It names no fewer of the held-out causes first than the better of the two alone. Labels name one cause a part, which says nothing of how
    much the symptoms of a second one count: they are held back only where that names clearly more causes right (by more than a standard
    error), and among what remains the true causes are likeliest.
    """
    caused = [one for one in heard if one.cause != NOT_MEASURED]
    if len(caused) < FEWEST_CAUSED:
        return Credit(), {}
    tried = {
        credit: _tried(heard, credit)
        for credit in {Credit(), *(Credit(head, symptoms) for head, symptoms in product(STEPS, STEPS[1:])), HEAD_ALONE}
    }
    floor = max(tried[HEAD_ALONE]["top1"], tried[SYMPTOMS_ALONE]["top1"])
    top = max(figures["top1"] for figures in tried.values())
    as_good = max(floor, top - (top * (1 - top) / len(caused)) ** 0.5)
    allowed = [credit for credit, figures in tried.items() if figures["top1"] >= as_good]
    trusted = max(credit.symptoms for credit in allowed)
    best = min(
        (credit for credit in allowed if credit.symptoms == trusted),
        key=lambda credit: (tried[credit]["surprise"] * len(heard) + PRIOR_PARTS * _away(credit), credit.head),
    )
    worth = {"together": best, "network_alone": HEAD_ALONE, "symptoms_alone": SYMPTOMS_ALONE}
    return best, {"causes_top1_by": {name: tried[credit]["top1"] for name, credit in worth.items()}}


def _away(credit: Credit) -> float:
    usual = Credit()
    return (credit.head - usual.head) ** 2 + (credit.symptoms - usual.symptoms) ** 2


def _tried(heard: Sequence[Heard], credit: Credit) -> dict[str, float]:
    """Return how often the true cause comes first, over parts that have one, and the mean of −log of its probability over all."""
    hits, surprise = [], []
    for one in heard:
        chances = _among_taught(one.hearing, credit)
        surprise.append(-np.log(max(chances.get(one.cause, 0.0), 1e-4)))
        if one.cause != NOT_MEASURED:
            hits.append(max(chances, key=lambda name: chances[name]) == one.cause)
    return {"top1": round(float(np.mean(hits)), 4), "surprise": round(float(np.mean(surprise)), 4)}


def _among_taught(hearing: Hearing, credit: Credit) -> Mapping[str, float]:
    """Return the chances of what the labels name and of nothing, which sum to 1: labels name one cause a part."""
    taught = {*hearing.head.says, NOT_MEASURED}
    chances = {s.name: s.probability for s in hearing.ranked(credit).suspects if s.name in taught}
    total = sum(chances.values())
    return {name: chance / total for name, chance in chances.items()}
