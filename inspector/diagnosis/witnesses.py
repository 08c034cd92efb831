"""What each measured quantity says of each cause: one witness per symptom that could be looked for.

A symptom is a noisy OR: it is seen by chance (`absent`), and each active cause brings it about with a chance of its own (`link`).
Symptoms of one channel are not independent: of one cause, each further one of the same channel counts half of the one before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from inspector.diagnosis.catalogue import Catalogue, CauseRule, Symptom
from inspector.diagnosis.findings import Finding, abnormality_of
from inspector.diagnosis.timing import out_of_order
from inspector.parts import Verdict

EARLY = 0.35
"""Share of its late chances with which a cause that has only begun shows a symptom."""
_ECHO = 0.5
_DEGRADED_TRUST = 0.4
"""Weight of a channel that the verdict calls degraded; where its quality is lower than this, so much less, down to nothing."""
_UNRATED_TRUST = 0.1
"""Weight of one that is degraded and was not rated at all: nobody could read anything of it, or nobody knows how bad it is."""
_FAR_REACH = 2.0
_RAREST = 0.1


@dataclass(frozen=True, slots=True)
class Witness:
    """One symptom of one cause, and the quantity in which it was looked for."""

    symptom: Symptom
    finding: Finding
    rule: str
    """Where the catalogue says so, e.g. `belt_slip.symptoms.0`."""
    abnormality: float
    """How clearly the symptom is there: 0 to 1."""
    absent: float
    """Chance to see it without any cause, on any of the channels where it was looked for."""
    link: float
    """Chance that the cause, far along, brings it about."""
    weight: float = 1.0
    in_order: bool = True
    """False where it was seen, but at a time at which the cause cannot have made it."""

    @property
    def seen(self) -> bool:
        return self.in_order and self.finding.strength > 0 and self.finding.toward(self.symptom.direction) > 1

    @property
    def speaks(self) -> float:
        """What it says of the cause against "nothing that is measured here", in nats, the cause being far along."""
        present = 1 - (1 - self.absent) * (1 - self.link)
        by_cause = self.abnormality * present + (1 - self.abnormality) * (1 - present)
        by_chance = self.abnormality * self.absent * self.rarity + (1 - self.abnormality) * (1 - self.absent)
        return self.weight * math.log(by_cause / by_chance)

    @property
    def rarity(self) -> float:
        """What lies many times further than the edge of the normal range is less often chance, down to a tenth."""
        reach = self.finding.toward(self.symptom.direction)
        return float(max((_FAR_REACH / max(reach, _FAR_REACH)) ** 1.5, _RAREST))


def by_symptom(found: Iterable[Finding], catalogue: Catalogue) -> dict[str, dict[int, list[Finding]]]:
    """Return cause -> number of its symptom -> the findings in which it can be looked for."""
    looked_in: dict[str, dict[int, list[Finding]]] = {}
    for finding in found:
        for cause, number in catalogue.symptoms_of(finding.measurement):
            looked_in.setdefault(cause, {}).setdefault(number, []).append(finding)
    return looked_in


def witnesses(rule: CauseRule, looked_in: Mapping[int, list[Finding]], verdict: Verdict) -> tuple[Witness, ...]:
    """Return the witnesses of one cause, the most telling first; `looked_in` names the findings for each of its symptoms."""
    heard = [_witness(rule, number, candidates, verdict) for number, candidates in sorted(looked_in.items())]
    heard = out_of_order(heard, lambda witness: replace(witness, in_order=False, weight=0.0))
    return tuple(_echoing(_once(sorted(heard, key=lambda witness: -abs(witness.speaks)))))


def _witness(rule: CauseRule, number: int, candidates: Sequence[Finding], verdict: Verdict) -> Witness:
    symptom = rule.symptoms[number]
    best = max(candidates, key=lambda finding: (finding.toward(symptom.direction), finding.measurement.key))
    # among several channels one is outside by chance more often
    absent = 1 - (1 - symptom.p_if_absent) ** len({finding.measurement.channel for finding in candidates})
    link = max(symptom.p_if_present - absent, 0.0) / (1 - absent)
    channel = best.measurement.channel
    is_trusted = channel not in verdict.degraded or rule.fault_of == "station"
    trust = 1.0 if is_trusted else min(_DEGRADED_TRUST, verdict.quality.get(channel, _UNRATED_TRUST))
    abnormality = abnormality_of(best.toward(symptom.direction))
    return Witness(symptom, best, f"{rule.name}.symptoms.{number}", abnormality, absent, link, trust)


def _once(heard: Iterable[Witness]) -> list[Witness]:
    """Return the most telling witness of each quantity and direction."""
    first: dict[tuple[str, str], Witness] = {}
    for witness in heard:
        first.setdefault((witness.finding.measurement.key, witness.symptom.direction), witness)
    return list(first.values())


def _echoing(heard: Sequence[Witness]) -> list[Witness]:
    share: dict[str, float] = {}
    echoing = []
    for witness in heard:
        channel = witness.finding.measurement.channel
        echoes = share.get(channel)
        echoing.append(witness if echoes is None else replace(witness, weight=witness.weight * echoes))
        share[channel] = _ECHO if echoes is None else echoes * _ECHO
    return echoing
