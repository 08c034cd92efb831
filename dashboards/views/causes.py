"""Why defects come about, over many parts: causes over time, which channel began, which process values differ, down to the parts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

import streamlit as st

from dashboards import masthead, queries
from dashboards.charts import counts
from dashboards.panels.diagnosis import place
from dashboards.panels.pieces import draw, number_of, table, title
from dashboards.views.history import parts_table, since_utc_ns
from dashboards.words import Language, cause_name, channel_name, kind_name, say
from inspector.diagnosis.wording import unit_name
from inspector.parts import NOT_MEASURED
from inspector.store import InspectionSummary

_SPANS = ("last_hour", "last_shift", "last_day", "last_week")
_SURE = 0.05
_LISTED = 12


def show() -> None:
    """Draw the page."""
    lang, station = masthead.language(), masthead.station()
    if station is None:
        st.html(f'<p class="lead">{say("no_parts", lang)}</p>')
        return
    now = datetime.now().astimezone()
    with st.container(key="panel-span"):
        span = st.selectbox(say("time", lang), _SPANS, index=2, format_func=lambda word: say(word, lang), key="causes-span", width=200)
    since_ns, until_ns = since_utc_ns(span, now) or 0, int(now.timestamp() * 1e9)
    parts = queries.parts_between(station, since_ns, until_ns)
    if not parts:
        st.html(f'<p class="lead">{say("nothing_yet", lang)}</p>')
        return
    with st.container(key="panel-over-time"):
        title("causes_over_time", lang)
        draw(counts.causes_over_time(queries.causes_over_time(parts, since_ns, until_ns), lang), "causes-over-time")
    left, right = st.columns([1, 1.5], gap="small")
    with left:
        _leaders(parts, lang)
    with right:
        _associations(parts, lang)
    _parts(parts, lang)


def _leaders(parts: Sequence[InspectionSummary], lang: Language) -> None:
    with st.container(key="panel-leaders"):
        title("which_began", lang)
        rows = [
            [escape(cause_name(cause, lang)), escape(", ".join(f"{channel_name(name, lang)} {n}" for name, n in led.most_common(3)))]
            for cause, led in queries.leaders(parts).items()
        ]
        if rows:
            table([say("cause", lang), say("began_in", lang)], rows)
        else:
            st.html(f'<p class="quiet plain">{say("nothing_yet", lang)}</p>')


def _associations(parts: Sequence[InspectionSummary], lang: Language) -> None:
    with st.container(key="panel-associations"):
        title("goes_with", lang)
        kinds = sorted({part.kind for part in parts if part.outcome == "fail" and part.kind})
        kind = st.selectbox(
            say("kind", lang), (None, *kinds), format_func=lambda name: kind_name(name, lang) if name else say("all", lang), width=240
        )
        found = queries.associations(parts, kind)
        if not found:
            st.html(f'<p class="quiet plain">{say("too_few", lang)}</p>')
            return
        rows = []
        for one in found:
            off = one.chance < _SURE
            mark = f'<b class="{"off" if off else ""}" style="left:{place(one.defective[1], one.passed[0], one.passed[2]):.0f}%"></b>'
            gauge = f'<span class="gauge"><i style="left:30%;width:40%"></i>{mark}</span>'
            unit = escape(unit_name(one.unit))
            rows.append(
                [
                    escape(channel_name(one.channel, lang)),
                    f"{number_of(one.passed[1])} {unit}",
                    f"{number_of(one.defective[1])} {unit}",
                    gauge,
                    f"{one.higher_share:.0%}",
                    "< 0.001" if one.chance < 0.001 else f"{one.chance:.3f}",
                ]
            )
        heads = ("channel", "median_passed", "median_defective", "against_passed", "higher_in", "by_accident")
        table([say(word, lang) for word in heads], rows, figures=(1, 2, 4, 5))
        st.html(f'<p class="quiet plain">{say("no_proof", lang)}</p>')


def _parts(parts: Sequence[InspectionSummary], lang: Language) -> None:
    findings = [part for part in reversed(parts) if part.outcome != "pass"]
    with st.container(key="panel-cause-parts"):
        title("their_parts", lang)
        causes = list(dict.fromkeys(part.cause or NOT_MEASURED for part in findings))
        cause = st.selectbox(
            say("cause", lang), (None, *causes), format_func=lambda name: cause_name(name, lang) if name else say("all", lang), width=240
        )
        chosen = tuple(part for part in findings if cause in (None, part.cause or NOT_MEASURED))
        st.html(parts_table(chosen[:_LISTED], lang))
