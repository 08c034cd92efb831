"""Was the line still as it was: control charts of a batch against the parts before it, and how far it has drifted from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from inspector.monitoring import spc
from inspector.reports import figures
from inspector.reports.sheet import Heading, Language, Paragraph, Picture, Sheet, Table
from inspector.reports.sheets import clock, number, share_with_interval
from inspector.reports.words import say
from inspector.store import InspectionSummary

PARTS_BEFORE = 2000
"""So many parts before a batch say what is usual."""
_FALSE_ALARM = 0.001
"""Chance with which a line of the drift table is called changed where nothing is."""
_WHICH = {"p": "chart_p", "xbar": "chart_xbar", "range": "chart_range", "ewma": "chart_ewma"}


def add_control_charts(sheet: Sheet, before: Sequence[InspectionSummary], parts: Sequence[InspectionSummary]) -> None:
    """Draw the charts; all of them together cry wolf about once in a batch in ten."""
    lang = sheet.language
    sheet.add(Heading(say("control_charts", lang)))
    charts = spc.charts(before, parts, 10 * len(parts)) if parts else []
    drawn = [(chart, png) for chart in charts if (png := figures.control(chart)) is not None]
    if not drawn:
        sheet.add(Paragraph(say("spc_too_few", lang, least=spc.LEAST_BEFORE, have=len(before)), "quiet"))
        return
    sheet.add(Paragraph(say("spc_rule", lang, before=len(before)), "quiet"))
    for chart, png in drawn:
        out = np.flatnonzero(chart.out)
        found = say("out_from", lang, points=len(out), when=clock(int(chart.at_utc_ns[out[0]]))) if len(out) else say("in_control", lang)
        name = say(_WHICH[chart.name], lang, parts=spc.PARTS_A_POINT[chart.name])
        sheet.add(Picture(png, f"{name}: {found}", 0.5))


def add_drift(sheet: Sheet, before: Sequence[InspectionSummary], parts: Sequence[InspectionSummary]) -> None:
    """Hold the parts of a batch against those before it."""
    lang = sheet.language
    sheet.add(Heading(say("drift", lang)))
    if len(before) < spc.LEAST_BEFORE or not parts:
        sheet.add(Paragraph(say("drift_too_few", lang, least=spc.LEAST_BEFORE, have=len(before)), "quiet"))
        return
    rows = [_scores(before, parts, lang)]
    rows += [_share(word, is_so, before, parts, lang) for word, is_so in _SHARES.items()]
    heads = ("", say("before", lang), say("this_batch", lang), say("changed", lang))
    sheet.add(Paragraph(say("drift_rule", lang, before=len(before)), "quiet"), Table(heads, tuple(rows), numbers=(1, 2)))


_SHARES: dict[str, Callable[[InspectionSummary], bool]] = {
    "failed": lambda part: part.outcome == "fail",
    "reviewed": lambda part: part.outcome == "review",
    "incomplete": lambda part: not part.complete,
}


def _scores(before: Sequence[InspectionSummary], parts: Sequence[InspectionSummary], lang: Language) -> tuple[str, ...]:
    then, now = ([part.score for part in side] for side in (before, parts))
    differs = stats.ks_2samp(then, now).pvalue < _FALSE_ALARM
    return say("median_score", lang), number(float(np.median(then))), number(float(np.median(now))), _told(differs, lang)


def _share(
    word: str,
    is_so: Callable[[InspectionSummary], bool],
    before: Sequence[InspectionSummary],
    parts: Sequence[InspectionSummary],
    lang: Language,
) -> tuple[str, ...]:
    then, now = (sum(is_so(part) for part in side) for side in (before, parts))
    table = [[then, len(before) - then], [now, len(parts) - now]]
    differs = stats.fisher_exact(table).pvalue < _FALSE_ALARM
    return say(word, lang), share_with_interval(then, len(before), lang), share_with_interval(now, len(parts), lang), _told(differs, lang)


def _told(differs: bool, lang: Language) -> str:
    return say("changed_yes" if differs else "changed_no", lang)
