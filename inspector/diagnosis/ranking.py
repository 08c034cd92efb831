"""From findings to probabilities: each cause against "nothing that is measured here", in log odds.

A cause gains where its symptoms are seen and loses where they are absent though their channel is there; a missing channel says nothing.
Symptoms of one channel are not independent: each further one of the same channel counts half of the one before. Causes share one
probability, so one that explains what was seen takes it from the others.
"""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from inspector.diagnosis.catalogue import NO_CAUSE, Catalogue, CauseRule, Symptom
from inspector.diagnosis.findings import Finding, abnormality_of
from inspector.parts import NOT_MEASURED, OK_LABEL, PartRecord, Verdict

_ECHO = 0.5
_DEGRADED_TRUST = 0.4
"""Weight of a channel that the verdict calls degraded."""
_FAR_REACH = 2.0
_EARLY = 0.35
"""Share of its late chances with which a cause that has only begun shows a symptom."""
_EARLY_SHARE = 0.4
_HEAD_TRUST = 0.8
_HEAD_FLOOR = 0.01
_HEAD_REACH = 4.0
_HEAD_UNKNOWN = math.log(0.1)
"""A cause that the network was not taught at this line is not common there."""
_UNTITLED_PRIOR = 0.03
_DEFECT_REACH = (-1.5, 2.5)


@dataclass(frozen=True, slots=True)
class Witness:
    """What one symptom says of one cause, in nats against "no measured cause"."""

    symptom: Symptom
    finding: Finding
    speaks: float
    """Where the cause is far along."""
    speaks_early: float
    """Where it has only begun."""

    @property
    def seen(self) -> bool:
        return self.finding.strength > 0 and self.finding.toward(self.symptom.direction) > 1


@dataclass(frozen=True, slots=True)
class Suspect:
    """One cause with its probability and its witnesses, the most telling first."""

    name: str
    probability: float
    witnesses: tuple[Witness, ...] = ()

    @property
    def for_it(self) -> tuple[Witness, ...]:
        return tuple(witness for witness in self.witnesses if witness.seen and witness.speaks > 0)

    @property
    def against_it(self) -> tuple[Witness, ...]:
        return tuple(witness for witness in self.witnesses if not witness.seen and witness.speaks < -0.3)


def rank(found: Iterable[Finding], record: PartRecord, verdict: Verdict, catalogue: Catalogue) -> list[Suspect]:
    """Return all causes that can be told here, and the unmeasured one, most probable first; the probabilities sum to 1."""
    by_kind: dict[str, list[Finding]] = {}
    for finding in found:
        by_kind.setdefault(finding.measurement.kind, []).append(finding)
    head = {name: chance for name, chance in verdict.cause_probabilities.items() if name not in (NO_CAUSE, NOT_MEASURED)}
    odds = {NOT_MEASURED: math.log(catalogue.not_measured.prior)}
    witnesses: dict[str, tuple[Witness, ...]] = {}
    for rule in catalogue.causes:
        if rule.name in head or _can_speak(rule, record):
            witnesses[rule.name] = _witnesses(rule, catalogue, by_kind, verdict)
            symptoms = _summed(witnesses[rule.name])
            before = _prior(rule.name, rule.prior, head, catalogue) + _head(rule.name, head, verdict)
            odds[rule.name] = before + symptoms + _defect(rule, catalogue, verdict)
    for name in head:
        if name not in odds:
            odds[name] = _prior(name, _UNTITLED_PRIOR, head, catalogue) + _head(name, head, verdict)
    highest = max(odds.values())
    total = sum(math.exp(value - highest) for value in odds.values())
    suspects = [Suspect(name, math.exp(value - highest) / total, witnesses.get(name, ())) for name, value in odds.items()]
    return sorted(suspects, key=lambda suspect: -suspect.probability)


def _can_speak(rule: CauseRule, record: PartRecord) -> bool:
    present = [record.channels[name] for name in record.present if name in record.channels]
    units = {name: series.unit for name, series in record.series.items()} | {name: w.unit for name, w in record.waveforms.items()}
    return any(
        symptom.fits_channel(channel.name, channel.modality, units.get(channel.name) or channel.unit)
        for symptom in rule.symptoms
        for channel in present
    )


def _witnesses(rule: CauseRule, catalogue: Catalogue, by_kind: Mapping[str, list[Finding]], verdict: Verdict) -> tuple[Witness, ...]:
    heard = []
    for symptom in (*rule.symptoms, *catalogue.inherited[rule.name]):
        kinds = fnmatch.filter(by_kind, symptom.kind)
        candidates = [finding for kind in kinds for finding in by_kind[kind] if symptom.fits(finding.measurement)]
        if not candidates:
            continue
        best = max(candidates, key=lambda finding: (finding.toward(symptom.direction), finding.measurement.key))
        channels = len({finding.measurement.channel for finding in candidates})
        trusted = best.measurement.channel not in verdict.degraded or rule.fault_of == "station"
        trust, reach = 1.0 if trusted else _DEGRADED_TRUST, best.toward(symptom.direction)
        late, early = (trust * _log_odds(symptom, reach, channels, severity) for severity in (1.0, _EARLY))
        heard.append(Witness(symptom, best, late, early))
    return tuple(sorted(heard, key=lambda witness: -abs(witness.speaks)))


def _log_odds(symptom: Symptom, reach: float, channels: int, severity: float) -> float:
    """Return ln P(seen | cause) / P(seen | not).

    Among several channels one is outside by chance more often; what lies many times further than the edge of the normal range is less
    often chance, down to a tenth.
    """
    abnormality = abnormality_of(reach)
    if_absent = 1 - (1 - symptom.p_if_absent) ** channels
    if_present = if_absent + severity * (max(symptom.p_if_present, if_absent) - if_absent)
    seen = abnormality * if_present + (1 - abnormality) * (1 - if_present)
    rarer = min(max((_FAR_REACH / max(reach, _FAR_REACH)) ** 1.5, 0.1), 1.0)
    seen_anyway = abnormality * if_absent * rarer + (1 - abnormality) * (1 - if_absent)
    return math.log(seen / seen_anyway)


def _summed(witnesses: Iterable[Witness]) -> float:
    """Return what all witnesses say together, each further one of a channel counting half of the one before.

    A cause is either far along, and all its symptoms are likely, or has only begun, and each is less so: one silent witness then
    excuses the next.
    """
    share: dict[str, float] = {}
    late = early = 0.0
    for witness in witnesses:
        channel = witness.finding.measurement.channel
        late += share.get(channel, 1.0) * witness.speaks
        early += share.get(channel, 1.0) * witness.speaks_early
        share[channel] = share.get(channel, 1.0) * _ECHO
    return math.log((1 - _EARLY_SHARE) * math.exp(late) + _EARLY_SHARE * math.exp(early))


def _defect(rule: CauseRule, catalogue: Catalogue, verdict: Verdict) -> float:
    """Return what the kind of defect, or its absence, says of a cause."""
    kinds = defect_kinds(verdict)
    known = {kind for cause in catalogue.causes for kind in cause.defects}
    background = catalogue.not_measured.defect
    defective = min(max(verdict.score, 0.5 if verdict.outcome == "fail" else 0.02), 0.98)
    if not known.intersection(kinds):
        return 0.0
    makes = sum(rule.defects.values())
    ratio = (1 - defective) * max(1 - makes, 0.05) / (1 - background)
    total = sum(kinds.values())
    for kind, chance in kinds.items():
        by_chance = background / len(known)
        likelihood = (rule.defects.get(kind, 0.0) + by_chance) / by_chance if kind in known else 1.0
        ratio += defective * chance / total * likelihood
    return min(max(math.log(max(ratio, 1e-6)), _DEFECT_REACH[0]), _DEFECT_REACH[1])


def defect_kinds(verdict: Verdict) -> Mapping[str, float]:
    """Return the kinds of defect that a verdict considers, with their weights."""
    considered = {kind: chance for kind, chance in verdict.kind_probabilities.items() if kind != OK_LABEL and chance > 0}
    return considered or {defect.kind: max(defect.confidence, 1e-3) for defect in verdict.defects}


def _prior(name: str, prior: float, head: Mapping[str, float], catalogue: Catalogue) -> float:
    """Return a cause's log prior; of what the network knows it has said already how common it is, as far as it is trusted."""
    share = _HEAD_TRUST if name in head else 0.0
    return (1 - share) * math.log(prior) + share * math.log(catalogue.not_measured.prior)


def _head(name: str, head: Mapping[str, float], verdict: Verdict) -> float:
    """Return what the network's cause head says of a cause."""
    if not head:
        return 0.0
    if name not in head:
        return _HEAD_UNKNOWN
    given = verdict.cause_probabilities
    nothing = given.get(NO_CAUSE, given.get(NOT_MEASURED, 1 / (len(head) + 1)))
    says = _HEAD_TRUST * math.log((head[name] + _HEAD_FLOOR) / (nothing + _HEAD_FLOOR))
    return min(max(says, -_HEAD_REACH), _HEAD_REACH)
