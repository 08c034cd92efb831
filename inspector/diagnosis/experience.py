"""What confirmed cases teach: how often each symptom was really seen under a cause, which defects it made, how common it is here.

The catalogue's chances are a belief worth some parts; each confirmed case adds one part to it (Beta for a symptom, Dirichlet for defects
and for how common causes are). So a handful of cases moves little, and a hundred outweigh the book.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from inspector.diagnosis.catalogue import Catalogue, CauseRule, Symptom

SYMPTOM_PARTS = 10.0
"""How many confirmed parts the catalogue's chance of a symptom, or of a defect, is worth."""
PRIOR_PARTS = 40.0
"""How many confirmed parts the catalogue's priors are worth together."""
_EDGE = 0.005


@dataclass(slots=True)
class Experience:
    """Counts of confirmed cases; a plain value that can be kept as JSON."""

    cases: Counter[str] = field(default_factory=Counter)
    """Cause -> confirmed parts."""
    looked: Counter[str] = field(default_factory=Counter)
    """Rule (`belt_slip.ripple_line.…`) -> parts of its cause on which the symptom was looked for."""
    seen: dict[str, float] = field(default_factory=dict)
    """Rule -> how clearly it was seen on them, summed."""
    defects: Counter[str] = field(default_factory=Counter)
    """`cause.kind` -> confirmed parts with that defect."""

    @classmethod
    def of(cls, confirmed: Iterable[tuple[str, Mapping[str, float], str | None]]) -> Experience:
        """Count confirmed cases: each a cause, how clearly each of its symptoms was seen, and the kind of defect."""
        experience = cls()
        for cause, looked_for, defect in confirmed:
            experience.confirm(cause, looked_for, defect)
        return experience

    def confirm(self, cause: str, looked_for: Mapping[str, float], defect: str | None = None) -> None:
        """Take in one part whose cause a person confirmed; `looked_for` is what the diagnosis kept with that cause."""
        self.cases[cause] += 1
        for rule, clearly in looked_for.items():
            self.looked[rule] += 1
            self.seen[rule] = self.seen.get(rule, 0.0) + min(max(clearly, 0.0), 1.0)
        if defect is not None:
            self.defects[f"{cause}.{defect}"] += 1

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"cases": dict(self.cases), "looked": dict(self.looked), "seen": dict(self.seen), "defects": dict(self.defects)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Experience:
        """Return what `to_dict` gave. Raises KeyError, TypeError or ValueError on anything else."""
        counts = {name: Counter({str(key): int(n) for key, n in content[name].items()}) for name in ("cases", "looked", "defects")}
        return cls(**counts, seen={str(key): float(value) for key, value in content["seen"].items()})

    def taught(self, catalogue: Catalogue) -> Catalogue:
        """Return the catalogue with its chances moved by what was confirmed."""
        known = {cause.name: self.cases[cause.name] for cause in catalogue.causes}
        total, mass = sum(known.values()), sum(cause.prior for cause in catalogue.causes)
        if not total:
            return catalogue
        causes = [
            self._taught(cause, mass * (PRIOR_PARTS * cause.prior / mass + known[cause.name]) / (PRIOR_PARTS + total))
            for cause in catalogue.causes
        ]
        # not a copy: that would take along what was looked up in the old one
        kept = {name: getattr(catalogue, name) for name in type(catalogue).model_fields}
        return Catalogue.model_validate(kept | {"causes": tuple(causes)})

    def _taught(self, cause: CauseRule, prior: float) -> CauseRule:
        symptoms = tuple(self._symptom(cause, symptom) for symptom in cause.symptoms)
        cases = self.cases[cause.name]
        kinds = dict.fromkeys([*cause.defects, *(key.split(".", 1)[1] for key in self.defects if key.startswith(f"{cause.name}."))])
        made = {kind: self._defect(cause, kind, cases) for kind in kinds}
        return cause.model_copy(update={"prior": _inside(prior), "symptoms": symptoms, "defects": made})

    def _symptom(self, cause: CauseRule, symptom: Symptom) -> Symptom:
        rule = rule_of(cause, symptom)
        if not self.looked[rule]:
            return symptom
        chance = (SYMPTOM_PARTS * symptom.p_if_present + self.seen.get(rule, 0.0)) / (SYMPTOM_PARTS + self.looked[rule])
        return symptom.model_copy(update={"p_if_present": _inside(chance)})

    def _defect(self, cause: CauseRule, kind: str, cases: int) -> float:
        return (SYMPTOM_PARTS * cause.defects.get(kind, 0.0) + self.defects[f"{cause.name}.{kind}"]) / (SYMPTOM_PARTS + cases)


def rule_of(cause: CauseRule, symptom: Symptom) -> str:
    """Return what a symptom of a cause is called where it is counted: by what it says, so that reordering the catalogue changes nothing."""
    where = "|".join((symptom.modality or "", symptom.channel or "", ",".join(symptom.unit), symptom.direction))
    return f"{cause.name}.{symptom.kind}|{where}"


def _inside(chance: float) -> float:
    return min(max(chance, _EDGE), 1 - _EDGE)
