"""From findings to probabilities: how likely each cause is active, and how likely two of them are at once.

Three kinds of witness speak of every set of causes: the measured symptoms, the kind of defect on the part, and the network's opinion.
A cause gains where its symptoms are seen and loses where they are absent though their channel is there; a missing channel says nothing.
"No cause that is measured here" is always in the race.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inspector.diagnosis.catalogue import Catalogue
from inspector.diagnosis.credit import Credit, Head
from inspector.diagnosis.findings import Finding
from inspector.diagnosis.hypotheses import Posterior, Table, all_pairs
from inspector.diagnosis.timing import Span, cause_began_s, onset_s
from inspector.diagnosis.witnesses import Witness, by_symptom, witnesses
from inspector.parts import NOT_MEASURED, OK_LABEL, PartRecord, Verdict

_F = NDArray[np.float64]
_UNTITLED_PRIOR = 0.03
_DEFECT_REACH = (-1.5, 2.5)
_MOST_EVIDENCE = 5
_SPEAKS_AGAINST = -0.3
_SECOND_HEAD = 0.5
"""Share of the network's say on the second of two causes: it was taught to name one."""


@dataclass(frozen=True)
class Suspect:
    """One cause with the probability that it is active, and its witnesses, the most telling first."""

    name: str
    probability: float
    witnesses: tuple[Witness, ...] = ()
    form: str | None = None
    """Kind of the quantity that tells which form of the cause it is."""

    @cached_property
    def for_it(self) -> tuple[Witness, ...]:
        return tuple(witness for witness in self.witnesses if witness.seen and witness.speaks > 0)

    @cached_property
    def cited(self) -> list[Witness]:
        """The witnesses that a conclusion may cite, of each quantity one: whatever is said in words is then listed as evidence too."""
        of_quantity: dict[str, Witness] = {}
        for witness in sorted(self.for_it, key=lambda witness: witness.finding.measurement.kind != self.form):
            of_quantity.setdefault(witness.finding.measurement.key, witness)
        first, rest = list(of_quantity.values())[:_MOST_EVIDENCE], list(of_quantity.values())[_MOST_EVIDENCE:]
        dated = [witness for witness in rest if onset_s(witness.finding) is not None]
        # one of them should tell since when
        return [*first[:-1], dated[0]] if dated and not any(onset_s(witness.finding) is not None for witness in first) else first

    @property
    def against_it(self) -> tuple[Witness, ...]:
        """What should be seen and is not, or was seen at a time at which this cause cannot have made it."""
        return tuple(w for w in self.witnesses if not w.in_order or (not w.seen and w.speaks < _SPEAKS_AGAINST))


@dataclass(frozen=True, slots=True)
class Ranking:
    """All causes that can be told here and the unmeasured one, most probable first."""

    suspects: tuple[Suspect, ...]
    together: Mapping[tuple[str, str], float]
    """The chance that two causes are active at once."""

    def both(self, one: str, other: str) -> float:
        """Return the chance that two causes are active at once."""
        return self.together.get((one, other), self.together.get((other, one), 0.0))


def rank(found: Iterable[Finding], record: PartRecord, verdict: Verdict, catalogue: Catalogue, credit: Credit | None = None) -> Ranking:
    """Return how likely each cause is; several may be likely at once, so that their probabilities can sum to more than 1."""
    return listen(found, record, verdict, catalogue).ranked(credit or Credit())


@dataclass(frozen=True, slots=True)
class Hearing:
    """All that was said of one part, before it is decided how much each kind of witness counts."""

    names: tuple[str, ...]
    heard: tuple[tuple[Witness, ...], ...]
    forms: tuple[str | None, ...]
    head: Head
    odds: _F
    """Log odds of each cause before anything was measured."""
    alone: _F
    """What symptoms and defect say of each cause."""
    pairs: NDArray[np.int64]
    joint: _F
    """The same of each two causes."""
    beside: _F
    """(2, pairs): log odds that the first, and the second, of a pair is there beside the other."""

    def ranked(self, credit: Credit) -> Ranking:
        """Return the causes by all witnesses, each as far as it is given credit."""
        before = np.array([self.head.before(name, odds, credit) for name, odds in zip(self.names, self.odds, strict=True)])
        share = np.array([self.head.share(name, credit) for name in self.names])
        alone = before + share * self.alone
        first, second = self.pairs.T
        joint = np.where(before[first] >= before[second], before[first] + self.beside[1], before[second] + self.beside[0])
        # credit is found on parts with one cause each and weighs the better of two; what the other explains beyond that counts whole
        better, shared = np.maximum(self.alone[first], self.alone[second]), share[self.pairs].mean(axis=1)
        joint = joint + shared * better + np.sign(shared) * (self.joint - better)
        posterior = Posterior.of(self.names, alone, self.pairs, joint)
        active = posterior.active
        told = zip(self.names, self.heard, self.forms, strict=True)
        suspects = [Suspect(name, active[name], said, form) for name, said, form in told]
        suspects.append(Suspect(NOT_MEASURED, posterior.nothing))
        return Ranking(tuple(sorted(suspects, key=lambda suspect: -suspect.probability)), posterior.both)


def listen(found: Iterable[Finding], record: PartRecord, verdict: Verdict, catalogue: Catalogue) -> Hearing:
    """Hear every witness of every cause that can be told here."""
    head = Head.of(verdict)
    heard_of = _heard_of(record, catalogue)
    rules = [rule for rule in catalogue.causes if rule.name in head.says or rule.name in heard_of]
    names = [rule.name for rule in rules]
    names += [name for name in head.says if name not in names]
    looked_in = by_symptom(found, catalogue)
    heard = [witnesses(rule, looked_in.get(rule.name, {}), verdict) for rule in rules]
    heard += [()] * (len(names) - len(rules))
    table, pairs, defect = Table.of(heard), all_pairs(len(names)), _Defect(catalogue, verdict)
    made = [_makes(name, said, catalogue) for name, said in zip(names, heard, strict=True)]
    odds = np.array([math.log(_prior(name, catalogue) / catalogue.not_measured.prior) for name in names])
    by_defect = np.array([defect.says(one) for one in made])
    return Hearing(
        names=tuple(names),
        heard=tuple(heard),
        forms=tuple(_form(name, said, catalogue) for name, said in zip(names, heard, strict=True)),
        head=head,
        odds=odds,
        alone=table.says(np.arange(len(names))[:, None]) + by_defect,
        pairs=pairs,
        joint=table.says(pairs) + defect.says_of_pairs(made, by_defect, pairs),
        beside=_beside(names, heard, pairs, odds, catalogue, head),
    )


def _heard_of(record: PartRecord, catalogue: Catalogue) -> frozenset[str]:
    """Return the causes of which a channel of this part could tell."""
    present = [record.channels[name] for name in record.present if name in record.channels]
    units = {name: series.unit for name, series in record.series.items()} | {name: w.unit for name, w in record.waveforms.items()}
    return catalogue.heard_by(frozenset((one.name, one.modality, units.get(one.name) or one.unit) for one in present))


def _prior(name: str, catalogue: Catalogue) -> float:
    rule = catalogue.by_name.get(name)
    return rule.prior if rule else _UNTITLED_PRIOR


def _makes(name: str, heard: Sequence[Witness], catalogue: Catalogue) -> Mapping[str, float]:
    """Return the defects that a cause can have made on this part: none, if it began after the part was there."""
    rule, began = catalogue.by_name.get(name), cause_began_s(heard)
    if rule is None or (began is not None and began[0] > 0):
        return {}
    return rule.defects


def _form(name: str, heard: Sequence[Witness], catalogue: Catalogue) -> str | None:
    """Return the kind of quantity that tells most clearly which form of a cause it is; None where none does."""
    forms = catalogue.by_name[name].forms if name in catalogue.by_name else {}
    telling = [witness.finding for witness in heard if witness.seen and witness.finding.measurement.kind in forms]
    return max(telling, key=lambda finding: finding.strength).measurement.kind if telling else None


def _either(one: Mapping[str, float], other: Mapping[str, float]) -> Mapping[str, float]:
    return {kind: 1 - (1 - one.get(kind, 0.0)) * (1 - other.get(kind, 0.0)) for kind in one.keys() | other.keys()}


def _beside(
    names: Sequence[str],
    heard: Sequence[Sequence[Witness]],
    pairs: NDArray[np.int64],
    odds: _F,
    catalogue: Catalogue,
    head: Head,
) -> _F:
    """Return the log odds that each member of a pair is there beside the other, by chance or brought about by it."""
    began = [cause_began_s(said) for said in heard]
    linked = np.array([_linked(names[a], names[b], began[a], began[b], catalogue) for a, b in pairs])
    said = np.array([min(max(_SECOND_HEAD * head.says.get(name, 0.0), -2.0), 2.0) for name in names])
    return np.stack([np.log(np.exp(odds[side]) * catalogue.together + linked) + said[side] for side in pairs.T])


def _linked(one: str, other: str, one_began: Span | None, other_began: Span | None, catalogue: Catalogue) -> float:
    """Return the chance that one of two causes brings the other about; 0 where that one began later."""
    leader = catalogue.leader(one, other)
    if leader is None:
        return 0.0
    effect, began, effect_began = (other, one_began, other_began) if leader == one else (one, other_began, one_began)
    if began and effect_began and began[0] > effect_began[1]:
        return 0.0
    return catalogue.by_name[leader].leads_to[effect]


class _Defect:
    """What the kind of defect, or its absence, says of what could have made it."""

    def __init__(self, catalogue: Catalogue, verdict: Verdict) -> None:
        self._kinds = defect_kinds(verdict)
        self._known = {kind for cause in catalogue.causes for kind in cause.defects}
        self._background = catalogue.not_measured.defect
        self._defective = min(max(verdict.score, 0.5 if verdict.outcome == "fail" else 0.02), 0.98)
        self._silent = not self._known.intersection(self._kinds)
        self._total = sum(self._kinds.values())

    def says(self, made: Mapping[str, float]) -> float:
        """Return ln P(what is seen | these chances of defects) / P(… | no cause), within bounds: people and heads confuse kinds."""
        if self._silent:
            return 0.0
        ratio = (1 - self._defective) * max(1 - sum(made.values()), 0.05) / (1 - self._background)
        by_chance = self._background / len(self._known)
        for kind, chance in self._kinds.items():
            likelihood = (made.get(kind, 0.0) + by_chance) / by_chance if kind in self._known else 1.0
            ratio += self._defective * chance / self._total * likelihood
        return min(max(math.log(max(ratio, 1e-6)), _DEFECT_REACH[0]), _DEFECT_REACH[1])

    def says_of_pairs(self, made: Sequence[Mapping[str, float]], alone: _F, pairs: NDArray[np.int64]) -> _F:
        """Return the same of each two causes; where one of them makes no defect the other decides, as `alone` has it."""
        makes = np.array([bool(one) for one in made], dtype=bool)
        first, second = pairs.T
        said: _F = np.where(makes[first], alone[first], alone[second])
        for place in np.flatnonzero(makes[first] & makes[second]):
            said[place] = self.says(_either(made[first[place]], made[second[place]]))
        return said


def defect_kinds(verdict: Verdict) -> Mapping[str, float]:
    """Return the kinds of defect that a verdict considers, with their weights."""
    considered = {kind: chance for kind, chance in verdict.kind_probabilities.items() if kind != OK_LABEL and chance > 0}
    return considered or {defect.kind: max(defect.confidence, 1e-3) for defect in verdict.defects}
