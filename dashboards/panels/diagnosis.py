"""Why one part is as it is: the conclusion, what drove the verdict, the causes with what was measured for and against each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import streamlit as st

from dashboards.panels.pieces import number_of, table, title
from dashboards.words import Language, cause_name, channel_name, say
from inspector.diagnosis.wording import unit_name
from inspector.parts import NOT_MEASURED
from inspector.store import StoredInspection

_SHOWN_FROM = 0.005
"""Causes less likely than this are not worth a line."""


def conclusion(stored: StoredInspection, lang: Language) -> None:
    """Draw the one sentence, the test that would tell more, and the engineer's report of it."""
    document = stored.document
    said = document.get("conclusion")
    with st.container(key="panel-conclusion"):
        title("cause", lang)
        st.html(f'<p class="lead">{escape(said[lang] if said else say("no_cause", lang))}</p>')
        if test := document.get("next_test"):
            st.html(f'<p class="plain"><span class="quiet">{say("next_test", lang)}:</span> {escape(test[lang])}</p>')
        st.html("".join(_pair(pair, document.get("causes", []), lang) for pair in document.get("together", [])) or "<span></span>")
        if report := document.get("report"):
            with st.expander(say("long_report", lang)):
                st.html("".join(f'<p class="report-line">{escape(line)}</p>' for line in report[lang].splitlines()))


def driven_by(attributions: Sequence[Mapping[str, Any]], lang: Language) -> None:
    """List what of the sounds, vibrations and series the verdict was made of."""
    if not attributions:
        return
    with st.container(key="panel-driven-by"):
        title("driven_by", lang)
        rows = [[escape(channel_name(a["channel"], lang)), escape(_without_channel(a, lang)), f"{a['share']:.0%}"] for a in attributions]
        table([say(word, lang) for word in ("channel", "says", "weights")], rows, figures=(2,))


def _without_channel(attribution: Mapping[str, Any], lang: Language) -> str:
    """Return what an attribution says without its channel, which stands beside it in the reader's language."""
    text: str = attribution["text"][lang]
    return text.removeprefix(attribution["channel"].replace("_", " ")).lstrip(" ，")


def causes(found: Sequence[Mapping[str, Any]], lang: Language) -> None:
    """Draw a bar per cause, likeliest first; what was measured for and against each opens below it, that of the first at once."""
    likely = [cause for index, cause in enumerate(found) if index == 0 or cause["probability"] >= _SHOWN_FROM]
    if not likely:
        return
    with st.container(key="panel-causes"):
        title("causes", lang)
        st.html("".join(_cause(cause, lang, opened=index == 0) for index, cause in enumerate(likely)))
        st.html(f'<p class="quiet plain">{say("gauge_says", lang)}</p>')


def title_of(cause: Mapping[str, Any], lang: Language) -> str:
    """Return what a cause of a document is called."""
    return str((cause.get("title") or {}).get(lang) or cause_name(cause["name"], lang))


def _pair(pair: Mapping[str, Any], found: Sequence[Mapping[str, Any]], lang: Language) -> str:
    """Say that two causes act at once, and which of them brought the other about."""
    titles = {cause["name"]: title_of(cause, lang) for cause in found}
    a, b = (titles.get(name, cause_name(name, lang)) for name in pair["causes"])
    said = say("both_at_once", lang, a=a, b=b, chance=f"{pair['probability']:.0%}")
    if leads := pair.get("leads"):
        said += say("leads", lang, cause=titles.get(leads, cause_name(leads, lang)))
    return f'<p class="plain"><span class="quiet">{say("together", lang)}:</span> {escape(said)}</p>'


def _cause(cause: Mapping[str, Any], lang: Language, *, opened: bool) -> str:
    probability = float(cause["probability"])
    head = (
        f'<span class="cause-head"><b>{escape(title_of(cause, lang))}</b><span class="bar"><i style="width:{probability:.1%}"></i></span>'
        f"<span>{probability:.0%}</span></span>"
    )
    told = _evidence(cause.get("evidence", []), lang)
    if not told and cause["name"] != NOT_MEASURED:
        told = f'<p class="quiet plain">{say("no_evidence", lang)}</p>'
    if cause.get("against"):
        told += f'<p class="panel-title">{say("against", lang)}</p>{_evidence(cause["against"], lang)}'
    return f'<details class="cause"{" open" if opened else ""}><summary>{head}</summary>{told}</details>'


def _evidence(items: Sequence[Mapping[str, Any]], lang: Language) -> str:
    """Return a line per fact: its sentence, where it lies beside what is normal, and when it was so."""
    rows = [(escape(item["text"][lang]), _gauge(item, lang), _span(item)) for item in items]
    body = "".join(f'<tr><td>{said}</td><td>{gauge}</td><td class="figure">{span}</td></tr>' for said, gauge, span in rows)
    return f'<table class="evidence"><tbody>{body}</tbody></table>' if body else ""


def _gauge(item: Mapping[str, Any], lang: Language) -> str:
    """Return the measured value as a mark beside the band of what is normal."""
    low, high, measured = item.get("expected_low"), item.get("expected_high"), float(item["measured"])
    unit = unit_name(item["unit"])
    told = f"{say('measured', lang)} {number_of(measured)} {unit}, {say('expected', lang)} {expected(item)} {unit}"
    if low is None and high is None:
        return f'<span class="quiet">{number_of(measured)} {escape(unit)}</span>'
    left, right = (0.0 if low is None else 30.0), (100.0 if high is None else 70.0)
    off = (low is not None and measured < low) or (high is not None and measured > high)
    mark = f'<b class="{"off" if off else ""}" style="left:{place(measured, low, high):.0f}%"></b>'
    return (
        f'<span class="gauge" role="img" aria-label="{escape(told)}" title="{escape(told)}">'
        f'<i style="left:{left}%;width:{right - left}%"></i>{mark}</span>'
    )


def place(measured: float, low: float | None, high: float | None) -> float:
    """Return where a value lies, in % of a gauge on which what is normal reaches from 30 to 70; what is far out draws near the end."""
    if low is not None and high is not None:
        centre, half = (low + high) / 2, max((high - low) / 2, 1e-12)
    else:
        edge = low if high is None else high
        half = max(abs(edge or 0.0), 1e-12)
        centre = (edge or 0.0) + (half if high is None else -half)
    out = (measured - centre) / half
    reach = min(abs(out), 1.0) * 20 + (28 * (1 - 1 / abs(out)) if abs(out) > 1 else 0)
    return 50 + (reach if out >= 0 else -reach)


def expected(item: Mapping[str, Any]) -> str:
    """Return the range of what is normal as people write it."""
    low, high = item.get("expected_low"), item.get("expected_high")
    if low is None and high is None:
        return "–"
    if low is None or high is None:
        return f"≤ {number_of(high)}" if low is None else f"≥ {number_of(low)}"
    return f"{number_of(low)} … {number_of(high)}"


def _span(item: Mapping[str, Any]) -> str:
    return f"{item['start_s']:+.2f} … {item['end_s']:+.2f} s".replace("-", "−")
