"""A part's diagnosis: causes with their evidence, what they are together, in words, and what to look at next."""

from __future__ import annotations

from inspector.config import MachineConfig
from inspector.diagnosis.catalogue import Catalogue
from inspector.diagnosis.credit import Credit
from inspector.diagnosis.experience import rule_of
from inspector.diagnosis.findings import Finding, findings
from inspector.diagnosis.history import History
from inspector.diagnosis.measurements import Measurement, Measurements
from inspector.diagnosis.measuring import measure
from inspector.diagnosis.next_test import next_test
from inspector.diagnosis.normal import Normal
from inspector.diagnosis.ranking import Ranking, Suspect, rank
from inspector.diagnosis.sentences import Case, conclusion, report
from inspector.diagnosis.wording import evidence_of
from inspector.parts import NOT_MEASURED, Cause, Diagnosis, PartRecord, Together, Verdict

_MOST_AGAINST = 3
_WORTH_EVIDENCE = 0.02
_STRANGE = 3.0
_EXPLAINED_FROM = 0.4
_TOGETHER_FROM = 0.05


def diagnose(
    record: PartRecord,
    verdict: Verdict,
    *,
    machine: MachineConfig,
    normal: Normal,
    catalogue: Catalogue,
    measurements: Measurements | None = None,
    credit: Credit | None = None,
    history: History | None = None,
) -> Diagnosis:
    """Return why a part is as it is; `measurements` saves measuring again where they are at hand, `history` tells what came before."""
    measured = dict(measure(record, machine) if measurements is None else measurements)
    if history is not None:
        measured.update(history.measure(record.trigger.t_ns, machine.regime))
    measured.update(_qualities(record, verdict))
    found = findings(measured, normal, catalogue)
    ranking = rank(found, record, verdict, catalogue, credit)
    strange = _unexplained(found, ranking)
    causes = tuple(_cause(suspect, strange, catalogue, doubted=verdict.outcome != "pass") for suspect in ranking.suspects)
    test = next_test(ranking, catalogue)
    case = Case(ranking, tuple(strange), tuple(sorted({item.measurement.channel for item in found})), verdict, machine, catalogue)
    return Diagnosis(causes, conclusion(case), test, report(case, causes, test), _together(ranking, catalogue))


def _qualities(record: PartRecord, verdict: Verdict) -> dict[str, Measurement]:
    """Return how well each channel could be seen, as one more quantity: a blind camera is a symptom too."""
    qualities = {}
    for name, quality in verdict.quality.items():
        if name in record.channels:
            item = Measurement(name, record.channels[name].modality, "quality", 100 * quality, "%", 0.0, 0.0)
            qualities[item.key] = item
    return qualities


def _cause(suspect: Suspect, strange: list[Finding], catalogue: Catalogue, *, doubted: bool) -> Cause:
    """Return a suspect with its evidence; what was looked for is kept of each cause of a `doubted` part: any may prove true."""
    title = catalogue.title_of(suspect.name, suspect.form)
    if suspect.name == NOT_MEASURED:
        return Cause(suspect.name, suspect.probability, title, tuple(evidence_of(item, catalogue) for item in strange))
    rule = catalogue.by_name.get(suspect.name)
    looked_for = {rule_of(rule, witness.symptom): round(witness.abnormality, 3) for witness in suspect.witnesses} if rule else {}
    if suspect.probability < _WORTH_EVIDENCE:
        return Cause(suspect.name, suspect.probability, title, looked_for=looked_for if doubted else {})
    evidence = tuple(evidence_of(witness.finding, catalogue, witness) for witness in suspect.cited)
    against = tuple(evidence_of(witness.finding, catalogue, witness) for witness in suspect.against_it[:_MOST_AGAINST])
    return Cause(suspect.name, suspect.probability, title, evidence, against, looked_for)


def _unexplained(found: list[Finding], ranking: Ranking) -> list[Finding]:
    """Return what is far from normal here and speaks for no likely cause, the strangest of each channel."""
    likely = [suspect for suspect in ranking.suspects if suspect.probability > _EXPLAINED_FROM]
    explained = {witness.finding.measurement.channel for suspect in likely for witness in suspect.for_it}
    strangest: dict[str, Finding] = {}
    for finding in sorted((one for one in found if one.strength >= _STRANGE), key=lambda finding: -finding.strength):
        channel = finding.measurement.channel
        if channel not in explained:
            strangest.setdefault(channel, finding)
    return list(strangest.values())[:_MOST_AGAINST]


def _together(ranking: Ranking, catalogue: Catalogue) -> tuple[Together, ...]:
    likely = sorted(ranking.together.items(), key=lambda pair: -pair[1])
    return tuple(Together(pair, chance, catalogue.leader(*pair)) for pair, chance in likely if chance >= _TOGETHER_FROM)
