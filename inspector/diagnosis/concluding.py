"""A part's diagnosis: causes with their evidence, a sentence in two languages, and the cheapest test that would tell more."""

from __future__ import annotations

from inspector.config import MachineConfig
from inspector.diagnosis.catalogue import Catalogue, DecidingTest
from inspector.diagnosis.findings import Finding, findings
from inspector.diagnosis.history import History
from inspector.diagnosis.measurements import Measurement, Measurements
from inspector.diagnosis.measuring import measure
from inspector.diagnosis.normal import Normal
from inspector.diagnosis.ranking import Suspect, defect_kinds, rank
from inspector.diagnosis.wording import channel_title, defect_phrase, evidence_of, finding_phrase
from inspector.parts import NOT_MEASURED, UNKNOWN_DEFECT, Cause, Defect, Diagnosis, PartRecord, Text, Verdict

_MOST_EVIDENCE = 5
_MOST_AGAINST = 3
_WORTH_EVIDENCE = 0.02
_STRANGE = 3.0
_SURE, _LIKELY = 0.75, 0.4
_SETTLED = 0.98
_WORTH_A_TEST = 0.1


def diagnose(
    record: PartRecord,
    verdict: Verdict,
    *,
    machine: MachineConfig,
    normal: Normal,
    catalogue: Catalogue,
    measurements: Measurements | None = None,
    history: History | None = None,
) -> Diagnosis:
    """Return why a part is as it is; `measurements` saves measuring again where they are at hand, `history` tells what came before."""
    measured = dict(measure(record, machine) if measurements is None else measurements)
    if history is not None:
        measured.update(history.measure(record.trigger.t_ns, machine.regime))
    measured.update(_qualities(record, verdict))
    found = findings(measured, normal, catalogue)
    suspects = rank(found, record, verdict, catalogue)
    causes = tuple(_cause(suspect, found, suspects, catalogue) for suspect in suspects)
    conclusion = _conclusion(suspects, found, verdict, machine, catalogue)
    return Diagnosis(causes, conclusion, _next_test(suspects, catalogue))


def _qualities(record: PartRecord, verdict: Verdict) -> dict[str, Measurement]:
    """Return how well each channel could be seen, as one more quantity: a blind camera is a symptom too."""
    qualities = {}
    for name, quality in verdict.quality.items():
        if name in record.channels:
            item = Measurement(name, record.channels[name].modality, "quality", 100 * quality, "%", 0.0, 0.0)
            qualities[item.key] = item
    return qualities


def _cause(suspect: Suspect, found: list[Finding], suspects: list[Suspect], catalogue: Catalogue) -> Cause:
    title = catalogue.title_of(suspect.name)
    if suspect.name == NOT_MEASURED:
        strange = _unexplained(found, suspects)
        return Cause(suspect.name, suspect.probability, title, tuple(evidence_of(item, catalogue) for item in strange))
    if suspect.probability < _WORTH_EVIDENCE:
        return Cause(suspect.name, suspect.probability, title)
    evidence = tuple(evidence_of(item, catalogue) for item in _distinct(suspect)[:_MOST_EVIDENCE])
    against = tuple(evidence_of(witness.finding, catalogue) for witness in suspect.against_it[:_MOST_AGAINST])
    return Cause(suspect.name, suspect.probability, title, evidence, against)


def _distinct(suspect: Suspect) -> list[Finding]:
    """Return the findings that speak for a cause, each once."""
    return list({witness.finding.measurement.key: witness.finding for witness in suspect.for_it}.values())


def _unexplained(found: list[Finding], suspects: list[Suspect]) -> list[Finding]:
    """Return what is far from normal here and speaks for no likely cause, the strangest of each channel."""
    explained = {item.measurement.channel for suspect in suspects if suspect.probability > _LIKELY for item in _distinct(suspect)}
    strangest: dict[str, Finding] = {}
    for finding in sorted(found, key=lambda finding: -finding.strength):
        channel = finding.measurement.channel
        if finding.strength >= _STRANGE and channel not in explained:
            strangest.setdefault(channel, finding)
    return list(strangest.values())[:_MOST_AGAINST]


# --- one sentence ----------------------------------------------------------------------------------------------------------------


def _conclusion(suspects: list[Suspect], found: list[Finding], verdict: Verdict, machine: MachineConfig, catalogue: Catalogue) -> Text:
    first = suspects[0]
    subject = _subject(verdict, machine, catalogue)
    if first.name == NOT_MEASURED:
        return _sentence(subject, _nothing(found, suspects, catalogue))
    facts = _facts(first, catalogue)
    return _sentence(subject, _blame(first, verdict, catalogue), facts)


def _sentence(subject: Text, *rest: Text | None) -> Text:
    said = [text for text in rest if text is not None]
    en, zh = subject.en + "".join(text.en for text in said), subject.zh + "".join(text.zh for text in said)
    return Text(en[:1].upper() + en[1:], zh)


def _subject(verdict: Verdict, machine: MachineConfig, catalogue: Catalogue) -> Text:
    if verdict.outcome == "pass":
        return Text("no defect", "未见缺陷")
    kinds = defect_kinds(verdict)
    defect = verdict.defects[0] if verdict.defects else None
    if defect is None and kinds:
        defect = Defect(max(kinds, key=lambda kind: kinds[kind]), 0.0)
    named = defect_phrase(None if defect is None or defect.kind == UNKNOWN_DEFECT else defect, machine, catalogue)
    if verdict.outcome == "fail":
        return named
    if defect is None:
        return Text("the part needs a person's look", "工件需人工复核")
    return Text(f"the part needs a person's look, possible {named.en}", f"工件需人工复核，可能有{named.zh}")


def _blame(suspect: Suspect, verdict: Verdict, catalogue: Catalogue) -> Text:
    title, rule = catalogue.title_of(suspect.name), catalogue.by_name.get(suspect.name)
    if rule is not None and rule.fault_of == "station":
        return Text(
            f", but the station needs care, {_surely(suspect).en}{title.en}", f"，但检测工位需维护，{_surely(suspect).zh}{title.zh}"
        )
    if verdict.outcome != "fail":
        return Text(f", but {_surely(suspect).en}{title.en} is under way", f"，但{_surely(suspect).zh}正在发生{title.zh}")
    because = Text(f", {rule.because.en}", f"（{rule.because.zh}）") if rule is not None and rule.defects else Text("", "")
    return Text(f", {_surely(suspect).en}caused by {title.en}{because.en}", f"，{_surely(suspect).zh}由{title.zh}引起{because.zh}")


def _surely(suspect: Suspect) -> Text:
    if suspect.probability >= _SURE:
        return Text("", "")
    return Text("probably ", "很可能") if suspect.probability >= _LIKELY else Text("possibly ", "可能")


def _facts(suspect: Suspect, catalogue: Catalogue) -> Text:
    """Return the strongest finding of each of the two most telling channels."""
    chosen: dict[str, Finding] = {}
    for finding in _distinct(suspect):
        chosen.setdefault(finding.measurement.channel, finding)
    phrases = [finding_phrase(finding, catalogue) for finding in list(chosen.values())[:2]]
    if not phrases:
        return Text("; the model says so, no symptom of it was measured", "；此为模型判断，未测得相应症状")
    return Text(": " + "; ".join(text.en for text in phrases), "：" + "；".join(text.zh for text in phrases))


def _nothing(found: list[Finding], suspects: list[Suspect], catalogue: Catalogue) -> Text:
    strange = _unexplained(found, suspects)
    if strange:
        phrase = finding_phrase(strange[0], catalogue)
        return Text(f"; no known cause was measured, yet unusual: {phrase.en}", f"；未测得已知原因，但有异常：{phrase.zh}")
    channels = sorted({finding.measurement.channel for finding in found})
    if not channels:
        return Text("; no cause was measured", "；未测得原因")
    names = [channel_title(channel, catalogue) for channel in channels]
    if len(names) > 3:
        return Text(f"; no cause was measured on {len(names)} channels", f"；{len(names)} 个通道均未测得原因")
    return Text(f"; no cause was measured on {', '.join(n.en for n in names)}", f"；{'、'.join(n.zh for n in names)}均未测得原因")


# --- what to look at next ----------------------------------------------------------------------------------------------------------


def _next_test(suspects: list[Suspect], catalogue: Catalogue) -> Text | None:
    """Return the cheapest test between the first two causes; none where the first is as good as certain."""
    known = [suspect for suspect in suspects if suspect.name in catalogue.by_name and suspect.probability >= _WORTH_A_TEST]
    if suspects[0].probability >= _SETTLED or not known:
        return None
    test = _contrast(suspects[0].name, suspects[1].name, catalogue) if len(suspects) > 1 else None
    if test is None:
        rules = [catalogue.by_name[suspect.name] for suspect in suspects[:2] if suspect.name in catalogue.by_name]
        test = min((rule.test for rule in rules), key=lambda rule_test: rule_test.minutes, default=None)
    if test is None:
        return None
    return Text(f"{test.en} ({test.minutes:g} min)", f"{test.zh}（{test.minutes:g} 分钟）")


def _contrast(first: str, second: str, catalogue: Catalogue) -> DecidingTest | None:
    """Return the cheapest test that the catalogue gives for telling these two apart, from either's entry."""
    tests = [
        contrast.test
        for name, other in ((first, second), (second, first))
        if name in catalogue.by_name
        for contrast in catalogue.by_name[name].told_apart_from
        if contrast.cause == other
    ]
    return min(tests, key=lambda test: test.minutes, default=None)
