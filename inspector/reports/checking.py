"""Hold what somebody wrote of a part against its record: disposition, causes, defects, figures, and what was missing.

Plain rules over plain text, English or Chinese: nothing here understands a sentence. What is found is pointed out with what the record
says; what is not found is not thereby right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from inspector.diagnosis import Catalogue
from inspector.parts import Text

Finding = Literal["holds", "contradicts", "unsupported"]

_SENTENCE = re.compile(r"[^.!?;。！？；\n]*(?:\.\d[^.!?;。！？；\n]*)*(?:[.!?;。！？；\n]|$)")
_FIGURE = re.compile(r"(?<![\w.])([-−+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)\s*(%|[A-Za-zµ°²/]+[²]?)?")
_PASSED = re.compile(
    r"\b(pass(?:ed|es)?|accept(?:ed|able)?|conform(?:s|ing)|released?|good part|ok to ship)\b|(?<!不)合格|放行|接收|良品", re.IGNORECASE
)
_FAILED = re.compile(r"\b(fail(?:ed|s)?|reject(?:ed)?|scrap(?:ped)?|nonconforming|not ok)\b|不合格|剔除|报废|拒收", re.IGNORECASE)
_NOT = re.compile(r"\b(no|not|without|never|isn't|wasn't|rules? out|ruled out|excluded?)\b|不|无|未|没有|排除|并非", re.IGNORECASE)
_WHOLE = re.compile(
    r"\b(all (?:channels|sensors|signals)|complete(?:ly)? (?:measured|recorded)|nothing (?:was )?missing)\b"
    r"|全部(?:信号|通道|传感器)|信号(?:完整|齐全)",
    re.IGNORECASE,
)
_UNITS = {"m/s²": "m/s2", "°c": "degc", "℃": "degc", "db": "db", "%": "%"}
_LIKELY, _UNLIKELY = 0.5, 0.1
_ROUNDING = 0.02
"""A figure that is written to few digits may lie this far off besides its own rounding."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that was written, and what the record says of it."""

    said: str
    """The sentence."""
    about: Literal["disposition", "cause", "defect", "figure", "signals"]
    finding: Finding
    record: Text

    def document(self) -> dict[str, Any]:
        """Return the remark as plain values."""
        return {"said": self.said, "about": self.about, "finding": self.finding, "record": {"en": self.record.en, "zh": self.record.zh}}


def check_statement(text: str, document: Mapping[str, Any], catalogue: Catalogue) -> list[Remark]:
    """Return a remark for everything in `text` that the record of a part (its JSON object) can say something of, in order."""
    remarks: list[Remark] = []
    for sentence in _sentences(text):
        remarks += _disposition(sentence, document)
        remarks += _causes(sentence, document, catalogue)
        remarks += _defects(sentence, document, catalogue)
        remarks += _figures(sentence, document)
        remarks += _signals(sentence, document)
    return remarks


def _sentences(text: str) -> Iterator[str]:
    for match in _SENTENCE.finditer(text):
        if said := match.group().strip():
            yield said


def _disposition(said: str, document: Mapping[str, Any]) -> Iterator[Remark]:
    outcome = document["outcome"]
    failed = _FAILED.search(said)
    passed = None if failed else _PASSED.search(said)
    if not (failed or passed):
        return
    found = failed or passed
    denied = found is not None and _NOT.search(said[max(0, found.start() - 12) : found.start()]) is not None
    claims_pass = (passed is not None) != denied
    record = Text(f"the verdict is {outcome} (score {document['score']:.3f}, threshold {document['threshold']:.3f})", _verdict_zh(document))
    if outcome == "review":
        yield Remark(said, "disposition", "unsupported", Text(f"{record.en}: a person has to decide", f"{record.zh}：须由人员决定"))
    else:
        yield Remark(said, "disposition", "holds" if claims_pass == (outcome == "pass") else "contradicts", record)


def _verdict_zh(document: Mapping[str, Any]) -> str:
    word = {"pass": "合格", "fail": "不合格", "review": "复检"}[document["outcome"]]
    return f"判定为{word}（得分 {document['score']:.3f}，阈值 {document['threshold']:.3f}）"


def _causes(said: str, document: Mapping[str, Any], catalogue: Catalogue) -> Iterator[Remark]:
    ranked = {cause["name"]: (rank, float(cause["probability"])) for rank, cause in enumerate(document.get("causes", []), 1)}
    for rule in catalogue.causes:
        at = _named(said, rule.name, (rule.title.en, rule.title.zh))
        if at is None:
            continue
        rank, chance = ranked.get(rule.name, (None, 0.0))
        place = (
            Text(f", rank {rank} of {len(ranked)}", f"，排第 {rank} 位（共 {len(ranked)}）")
            if rank
            else Text(", not on record", "，记录中没有")
        )
        record = Text(f"{rule.title.en}: {chance:.0%} likely{place.en}", f"{rule.title.zh}：可能性 {chance:.0%}{place.zh}")
        yield Remark(said, "cause", _finding(chance, denied=_denied(said, at)), record)


def _finding(chance: float, *, denied: bool) -> Finding:
    """Return what becomes of the claim that a cause was at work, or (`denied`) that it was not."""
    if _UNLIKELY <= chance < _LIKELY:
        return "unsupported"
    return "holds" if (chance >= _LIKELY) != denied else "contradicts"


def _defects(said: str, document: Mapping[str, Any], catalogue: Catalogue) -> Iterator[Remark]:
    found = sorted({defect["kind"] for defect in document.get("defects", [])}) if document["outcome"] != "pass" else []
    titles = [catalogue.defect_title(kind) for kind in found]
    record = Text(
        f"defects on record: {', '.join(title.en for title in titles) or 'none'}",
        f"记录中的缺陷：{'、'.join(title.zh for title in titles) or '无'}",
    )
    for kind, title in catalogue.defects.items():
        at = _named(said, kind, (title.en, title.zh))
        if at is not None:
            yield Remark(said, "defect", "contradicts" if (kind in found) == _denied(said, at) else "holds", record)


def _figures(said: str, document: Mapping[str, Any]) -> Iterator[Remark]:
    """Hold each figure with a unit against what was measured on the channel that the sentence names, or on any."""
    facts = [item for cause in document.get("causes", []) for item in (*cause.get("evidence", []), *cause.get("against", []))]
    named = [item for item in facts if item["channel"].replace("_", " ").lower() in said.replace("_", " ").lower()]
    for match in _FIGURE.finditer(said):
        number, unit = match[1], _unit(match[2] or "")
        facing = [item for item in (named or facts) if _unit(item["unit"]) == unit]
        if not unit or not facing:
            continue
        value = float(number.replace("−", "-"))
        known = [
            bound
            for item in facing
            for bound in (item["measured"], item.get("expected_low"), item.get("expected_high"))
            if bound is not None
        ]
        if any(_same(number, value, float(one)) for one in known):
            yield Remark(said, "figure", "holds", Text(f"{number} {match[2]} is on record", f"{number} {match[2]} 与记录一致"))
            continue
        listed = "; ".join(dict.fromkeys(f"{item['channel']} {item['measured']:.4g} {item['unit']}" for item in facing))
        yield Remark(
            said, "figure", "contradicts" if named else "unsupported", Text(f"measured in this unit: {listed}", f"该单位的实测值：{listed}")
        )


def _signals(said: str, document: Mapping[str, Any]) -> Iterator[Remark]:
    if _WHOLE.search(said) is None:
        return
    degraded = document.get("condition", {}).get("degraded", {})
    if degraded:
        listed = "; ".join(f"{name}: {why}" for name, why in degraded.items())
        yield Remark(said, "signals", "contradicts", Text(f"judged without {listed}", f"缺少：{listed}"))
    else:
        yield Remark(said, "signals", "holds", Text("no channel was missing", "没有缺失的通道"))


def _named(said: str, name: str, titles: tuple[str, str]) -> int | None:
    """Return where a sentence names a cause or defect, in either language, also in the plural; None where it does not."""
    lower = said.lower().replace("_", " ")
    for word in dict.fromkeys((name.replace("_", " "), *titles)):
        if match := re.search(rf"(?<![a-z]){re.escape(word.lower())}(?:e?s)?(?![a-z])", lower):
            return match.start()
    return None


def _denied(said: str, at: int) -> bool:
    """Say whether what stands at `at` is denied by a word shortly before it, in the same clause."""
    before = re.split(r"[,，:：(（]", said[:at])[-1]
    return _NOT.search(before[-30:]) is not None


def _unit(text: str) -> str:
    lower = text.strip().lower()
    return _UNITS.get(lower, lower)


def _same(written: str, value: float, known: float) -> bool:
    """Tell whether a written figure is a known one, to the digits that were written."""
    digits = len(written.partition(".")[2])
    rounding = 0.5 * 10.0**-digits
    return abs(value - known) <= max(rounding, abs(known) * _ROUNDING) or abs(abs(value) - abs(known)) <= rounding
