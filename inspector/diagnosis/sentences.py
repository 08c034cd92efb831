"""A diagnosis in sentences, English and Chinese, from templates: one sentence for the operator, a report for the engineer.

Nothing is claimed without the number behind it, and each number is one that was measured or learnt from good parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inspector.config import MachineConfig
from inspector.diagnosis.catalogue import Catalogue, CauseRule
from inspector.diagnosis.findings import Finding
from inspector.diagnosis.ranking import Ranking, Suspect, defect_kinds
from inspector.diagnosis.timing import onset_s
from inspector.diagnosis.wording import channel_title, defect_phrase, finding_phrase, key_phrase, since_text
from inspector.parts import NOT_MEASURED, UNKNOWN_DEFECT, Cause, Defect, Text, Verdict

_SURE, _LIKELY = 0.75, 0.4
_ALSO_FROM = 0.5
_ELSE_FROM = 0.05
_MOST_ELSE = 3
_NAMED_CHANNELS = 3
_NO = Text("", "")


@dataclass(frozen=True, slots=True)
class Case:
    """What there is to say of one part."""

    ranking: Ranking
    strange: tuple[Finding, ...]
    """What is far from normal and explained by no likely cause."""
    channels: tuple[str, ...]
    verdict: Verdict
    machine: MachineConfig
    catalogue: Catalogue

    @property
    def first(self) -> Suspect:
        return self.ranking.suspects[0]

    @property
    def others(self) -> list[Suspect]:
        """The causes that are likely active beside the first, for which something speaks that no likelier one has explained."""
        said = {witness.finding.measurement.key for witness in self.first.for_it}
        found = []
        for suspect in self.ranking.suspects[1:]:
            own = {witness.finding.measurement.key for witness in suspect.for_it}
            if suspect.probability >= _ALSO_FROM and suspect.name != NOT_MEASURED and own - said:
                found.append(suspect)
                said |= own
        return found

    def rule(self, suspect: Suspect) -> CauseRule | None:
        return self.catalogue.by_name.get(suspect.name)


# --- one sentence ----------------------------------------------------------------------------------------------------------------


def conclusion(case: Case) -> Text:
    """Return one sentence: the defect, its cause, the number that tells, and when."""
    if case.first.name == NOT_MEASURED:
        return _sentence(_subject(case), _nothing(case))
    return _sentence(_subject(case), _blame(case), *(_also(case, suspect) for suspect in case.others))


def _sentence(*said: Text) -> Text:
    en, zh = "".join(text.en for text in said), "".join(text.zh for text in said)
    return Text(en[:1].upper() + en[1:], zh)


def _subject(case: Case) -> Text:
    verdict = case.verdict
    if verdict.outcome == "pass":
        return Text("no defect", "未见缺陷")
    kinds = defect_kinds(verdict)
    defect = verdict.defects[0] if verdict.defects else None
    if defect is None and kinds:
        defect = Defect(max(kinds, key=lambda kind: kinds[kind]), 0.0)
    named = defect_phrase(None if defect is None or defect.kind == UNKNOWN_DEFECT else defect, case.machine, case.catalogue)
    if verdict.outcome == "fail":
        return named
    if defect is None:
        return Text("the part needs a person's look", "工件需人工复核")
    return Text(f"the part needs a person's look, possible {named.en}", f"工件需人工复核，可能有{named.zh}")


def _blame(case: Case) -> Text:
    suspect, rule = case.first, case.rule(case.first)
    title, surely = case.catalogue.title_of(suspect.name, suspect.form), _surely(suspect)
    since, facts = since_text(_onset_s(suspect)), _facts(suspect, case.catalogue)
    when, when_zh = (f" since {since.en}" if since.en else ""), (f"，自{since.zh}起" if since.en else "")
    if rule is not None and rule.fault_of == "station":
        care = f"，但检测工位需维护，{surely.zh}{title.zh}{facts.zh}"
        return Text(f", but the station needs care, {surely.en}{title.en}{facts.en}", care)
    if case.verdict.outcome != "fail":
        under_way = f", but {surely.en}{title.en} is under way{when}{facts.en}"
        return Text(under_way, f"，但{surely.zh}正在发生{title.zh}{when_zh}{facts.zh}")
    return Text(f", {surely.en}caused by {title.en}{when}{facts.en}", f"，{surely.zh}由{title.zh}引起{when_zh}{facts.zh}")


def _also(case: Case, suspect: Suspect) -> Text:
    title, surely, facts = case.catalogue.title_of(suspect.name, suspect.form), _surely(suspect), _facts(suspect, case.catalogue, most=1)
    if case.catalogue.leader(case.first.name, suspect.name) == case.first.name:
        return Text(f"; it has {surely.en}brought about {title.en}{facts.en}", f"；并{surely.zh}已导致{title.zh}{facts.zh}")
    return Text(f"; {surely.en}also {title.en}{facts.en}", f"；{surely.zh}同时存在{title.zh}{facts.zh}")


def _surely(suspect: Suspect) -> Text:
    if suspect.probability >= _SURE:
        return _NO
    return Text("probably ", "很可能") if suspect.probability >= _LIKELY else Text("possibly ", "可能")


def _onset_s(suspect: Suspect) -> float | None:
    """Return since when a cause shows, by the most telling quantity that has an onset."""
    return next((at for witness in suspect.cited if (at := onset_s(witness.finding)) is not None), None)


def _facts(suspect: Suspect, catalogue: Catalogue, most: int = 2) -> Text:
    """Return the strongest finding of each of the most telling channels."""
    chosen: dict[str, Finding] = {}
    for witness in suspect.cited:
        chosen.setdefault(witness.finding.measurement.channel, witness.finding)
    phrases = [key_phrase(finding, catalogue) for finding in list(chosen.values())[:most]]
    if not phrases:
        return Text(" (the model says so, no symptom of it was measured)", "（此为模型判断，未测得相应症状）")
    return Text(f" ({'; '.join(text.en for text in phrases)})", f"（{'；'.join(text.zh for text in phrases)}）")


def _nothing(case: Case) -> Text:
    if case.strange:
        phrase = key_phrase(case.strange[0], case.catalogue)
        return Text(f"; no known cause was measured, yet unusual: {phrase.en}", f"；未测得已知原因，但有异常：{phrase.zh}")
    if not case.channels:
        return Text("; no cause was measured", "；未测得原因")
    if len(case.channels) > _NAMED_CHANNELS:
        return Text(f"; no cause was measured on {len(case.channels)} channels", f"；{len(case.channels)} 个通道均未测得原因")
    names = [channel_title(channel, case.catalogue) for channel in case.channels]
    all_zh = "均" if len(names) > 1 else ""
    return Text(f"; no cause was measured on {_and([n.en for n in names])}", f"；{'、'.join(n.zh for n in names)}{all_zh}未测得原因")


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


# --- the report ------------------------------------------------------------------------------------------------------------------


def report(case: Case, causes: Sequence[Cause], test: Text | None) -> Text:
    """Return the case for the engineer: how each likely cause works, what speaks for it and what against, and what else it may be."""
    likely = [case.first, *case.others] if case.first.name != NOT_MEASURED else []
    by_name = {cause.name: cause for cause in causes}
    lines = [_stop(conclusion(case))]
    for suspect in likely:
        lines += _argued(case, suspect, by_name[suspect.name])
    lines += _pairs(case, likely)
    if case.strange:
        lines.append(_listed(Text("Unexplained", "未能解释"), [finding_phrase(item, case.catalogue) for item in case.strange]))
    lines += _else(case, likely)
    if test is not None:
        lines.append(Text(f"Next test: {test.en}.", f"下一步检查：{test.zh}。"))
    return Text("\n".join(line.en for line in lines), "\n".join(line.zh for line in lines))


def _argued(case: Case, suspect: Suspect, cause: Cause) -> list[Text]:
    title, rule, chance = case.catalogue.title_of(suspect.name, suspect.form), case.rule(suspect), _chance(suspect.probability)
    because = Text(f", {rule.because.en}", f"，{rule.because.zh}") if rule is not None else _NO
    lines = [Text(_upper(f"{title.en} {chance}{because.en}."), f"{title.zh} {chance}{because.zh}。")]
    if cause.evidence:
        lines.append(_listed(Text("For it", "支持"), [item.text for item in cause.evidence]))
    else:
        lines.append(Text("For it: the model's opinion alone, no symptom of it was measured.", "支持：仅为模型判断，未测得相应症状。"))
    if cause.against:
        lines.append(_listed(Text("Against it", "反对"), [item.text for item in cause.against]))
    return lines


def _pairs(case: Case, likely: Sequence[Suspect]) -> Iterable[Text]:
    for number, one in enumerate(likely):
        for other in likely[number + 1 :]:
            a, b = (case.catalogue.title_of(suspect.name, suspect.form) for suspect in (one, other))
            chance = _chance(case.ranking.both(one.name, other.name))
            yield Text(_upper(f"{a.en} and {b.en} at once: {chance}."), f"{a.zh}与{b.zh}同时存在：{chance}。")


def _else(case: Case, likely: Sequence[Suspect]) -> list[Text]:
    told = likely or [case.first]
    rest = [suspect for suspect in case.ranking.suspects if suspect not in told and suspect.probability >= _ELSE_FROM][:_MOST_ELSE]
    said = []
    for suspect in rest:
        title, chance = case.catalogue.title_of(suspect.name, suspect.form), _chance(suspect.probability)
        said.append(Text(f"{title.en} {chance}", f"{title.zh} {chance}"))
    return [_listed(Text("Also possible", "其他可能"), said)] if said else []


def _listed(head: Text, said: Sequence[Text]) -> Text:
    return Text(f"{head.en}: {'; '.join(text.en for text in said)}.", f"{head.zh}：{'；'.join(text.zh for text in said)}。")


def _stop(text: Text) -> Text:
    return Text(f"{text.en}.", f"{text.zh}。")


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _chance(probability: float) -> str:
    percent = round(100 * probability)
    return "< 1 %" if percent < 1 else "> 99 %" if percent > 99 else f"{percent} %"
