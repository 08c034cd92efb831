"""The report of a batch or a shift: yield, what was found most, escapes and false rejects as far as anybody knows, what is still open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from inspector.diagnosis import Catalogue
from inspector.parts import NOT_MEASURED, OK_LABEL
from inspector.reports.sheet import Bars, Facts, Heading, Language, Paragraph, Sheet, Table
from inspector.reports.sheets import clock, new_sheet, share_with_interval
from inspector.reports.steadiness import PARTS_BEFORE, add_control_charts, add_drift
from inspector.reports.words import in_language, say
from inspector.store import InspectionSummary, Store

_HOUR_NS = 3_600_000_000_000
_PAGE = 2000
_MOST_BARS = 10
_MOST_LISTED = 30


@dataclass(frozen=True, slots=True)
class Batch:
    """The parts of a station between two instants, oldest first, with what people know of them."""

    station: str
    since_utc_ns: int
    until_utc_ns: int
    parts: tuple[InspectionSummary, ...]
    truths: Mapping[str, str]
    """Inspection -> `ok` or its defect."""
    answered: frozenset[str]
    """Inspections that somebody answered."""
    before: tuple[InspectionSummary, ...] = ()
    """The parts before them, oldest first: they say what is usual."""

    def count(self, outcome: str) -> int:
        return sum(part.outcome == outcome for part in self.parts)

    @property
    def findings(self) -> list[InspectionSummary]:
        return [part for part in self.parts if part.outcome != "pass"]


def batch_of(store: Store, station: str, since_utc_ns: int, until_utc_ns: int) -> Batch:
    """Return what the store has of a station between two instants, the second excluded. Raises StoreError."""
    found: list[InspectionSummary] = []
    before: str | None = None
    while True:
        page = store.history(station=station, since_utc_ns=since_utc_ns, until_utc_ns=until_utc_ns, limit=_PAGE, before=before)
        found += page.inspections
        if (before := page.next_before) is None:
            break
    truths, answered = store.known_labels(station, since_utc_ns, until_utc_ns)
    usual = store.history(station=station, until_utc_ns=since_utc_ns, limit=PARTS_BEFORE).inspections if found else ()
    return Batch(station, since_utc_ns, until_utc_ns, tuple(reversed(found)), truths, answered, tuple(reversed(usual)))


def batch_report(batch: Batch, catalogue: Catalogue, language: Language, now: datetime) -> Sheet:
    """Return the report of a batch."""
    title = say("batch_report", language, station=batch.station)
    subtitle = say("batch_subtitle", language, start=clock(batch.since_utc_ns), end=clock(batch.until_utc_ns))
    sheet = new_sheet(title, subtitle, language, now)
    _yield(sheet, batch)
    _paretos(sheet, batch, catalogue)
    _mistakes(sheet, batch)
    add_control_charts(sheet, batch.before, batch.parts)
    add_drift(sheet, batch.before, batch.parts)
    _open_cases(sheet, batch, catalogue)
    _listed(sheet, batch, catalogue)
    return sheet


def _yield(sheet: Sheet, batch: Batch) -> None:
    lang, parts = sheet.language, len(batch.parts)
    rows = [
        (say(word, lang), str(n := batch.count(outcome)), share_with_interval(n, parts, lang)) for word, outcome in _OUTCOME_WORDS.items()
    ]
    sheet.add(Heading(say("yield", lang)), Table((say("parts", lang), str(parts), say("share", lang)), tuple(rows), numbers=(1, 2)))
    times_ms = [part.verdict_ms for part in batch.parts if part.verdict_ms is not None]
    facts = [(say("incomplete", lang), say("of_parts", lang, number=sum(not part.complete for part in batch.parts), parts=parts))]
    if times_ms:
        p50, p95 = np.percentile(times_ms, [50, 95])
        facts.append((say("speed", lang), say("speed_is", lang, p50=p50, p95=p95)))
    sheet.add(Facts(tuple(facts)))
    hours: dict[int, list[InspectionSummary]] = {}
    for part in batch.parts:
        hours.setdefault(part.wall_utc_ns // _HOUR_NS, []).append(part)
    if len(hours) > 1:
        bars = []
        for hour, made in sorted(hours.items()):
            passed = sum(part.outcome == "pass" for part in made)
            bars.append((clock(hour * _HOUR_NS)[5:16], passed / len(made), share_with_interval(passed, len(made), lang)))
        sheet.add(Heading(say("per_hour", lang)), Bars(tuple(bars)))


_OUTCOME_WORDS = {"passed": "pass", "failed": "fail", "reviewed": "review"}


def _paretos(sheet: Sheet, batch: Batch, catalogue: Catalogue) -> None:
    lang = sheet.language
    kinds = Counter(part.kind for part in batch.findings if part.kind)
    causes = Counter(part.cause for part in batch.findings if part.cause)
    named = {
        "pareto_defects": {in_language(catalogue.defect_title(kind), lang): n for kind, n in kinds.most_common(_MOST_BARS)},
        "pareto_causes": {in_language(catalogue.title_of(cause), lang): n for cause, n in causes.most_common(_MOST_BARS)},
    }
    for word, counted in named.items():
        sheet.add(Heading(say(word, lang)))
        total = len(batch.findings)
        rows = tuple((name, n / total, f"{n}  ({n / total:.0%})") for name, n in counted.items())
        sheet.add(Bars(rows) if rows else Paragraph(say("nothing", lang), "quiet"))


def _mistakes(sheet: Sheet, batch: Batch) -> None:
    lang = sheet.language
    sheet.add(Heading(say("mistakes", lang)))
    known = {part.inspection_id: part.outcome for part in batch.parts if part.inspection_id in batch.truths}
    if not known:
        sheet.add(Paragraph(say("truth_unknown", lang), "quiet"))
        return
    bad = [outcome for found, outcome in known.items() if batch.truths[found] != OK_LABEL]
    good = [outcome for found, outcome in known.items() if batch.truths[found] == OK_LABEL]
    rows = tuple(
        (say(word, lang), say("of_parts", lang, number=wrong, parts=len(of)), share_with_interval(wrong, len(of), lang))
        for word, of, wrong in (("escapes", bad, bad.count("pass")), ("overkill", good, good.count("fail")))
    )
    sheet.add(Paragraph(say("truth_known", lang, known=len(known), parts=len(batch.parts)), "quiet"))
    sheet.add(Table(("", say("parts", lang), say("share", lang)), rows, numbers=(1, 2)))


def _open_cases(sheet: Sheet, batch: Batch, catalogue: Catalogue) -> None:
    lang = sheet.language
    sheet.add(Heading(say("open_cases", lang)))
    waiting: dict[str, list[InspectionSummary]] = {}
    for part in batch.findings:
        if part.inspection_id not in batch.answered:
            waiting.setdefault(part.cause or NOT_MEASURED, []).append(part)
    rows = [
        (in_language(catalogue.title_of(cause), lang), str(len(parts)), f"{parts[-1].part_id}, {clock(parts[-1].wall_utc_ns)}")
        for cause, parts in sorted(waiting.items(), key=lambda item: -len(item[1]))
    ]
    heads = tuple(say(word, lang) for word in ("cause", "findings", "last_seen"))
    sheet.add(Table(heads, tuple(rows), numbers=(1,)) if rows else Paragraph(say("nothing", lang), "quiet"))


def _listed(sheet: Sheet, batch: Batch, catalogue: Catalogue) -> None:
    lang, findings = sheet.language, batch.findings[::-1]
    sheet.add(Heading(say("last_parts", lang)))
    rows = tuple(
        (
            part.part_id,
            clock(part.wall_utc_ns)[5:],
            say(part.outcome, lang),
            f"{part.score:.3f}",
            in_language(catalogue.defect_title(part.kind), lang) if part.kind else "–",
            in_language(catalogue.title_of(part.cause), lang) if part.cause else "–",
        )
        for part in findings[:_MOST_LISTED]
    )
    heads = tuple(say(word, lang) for word in ("part", "time", "outcome", "score", "defect", "cause"))
    sheet.add(Table(heads, rows, numbers=(3,)) if rows else Paragraph(say("nothing", lang), "quiet"))
    if len(findings) > _MOST_LISTED:
        sheet.add(Paragraph(say("and_more", lang, more=len(findings) - _MOST_LISTED), "quiet"))
