"""Control charts of a station: is what it makes still as it was, with a budget of false alarms that is chosen here."""

from __future__ import annotations

import time
from datetime import datetime
from itertools import pairwise

import streamlit as st

from dashboards import masthead, queries
from dashboards.charts.control import control_chart
from dashboards.words import Language, say
from inspector.monitoring import spc

_HOURS = {"per_shift": 8, "per_day": 24, "per_week": 168}
_MOST_PARTS = 5000
_PLOT = {"displayModeBar": False, "responsive": True}


def show() -> None:
    """Draw the page."""
    lang, station = masthead.language(), masthead.station()
    if station is None:
        st.html(f'<p class="lead">{say("no_parts", lang)}</p>')
        return
    since_ns = int(queries.shift_start(datetime.now().astimezone()).timestamp() * 1e9)
    budget = _budget(lang, station, since_ns)
    _charts(station, since_ns, budget, lang)


def _budget(lang: Language, station: str, since_ns: int) -> str:
    with st.container(key="panel-budget", horizontal=True, vertical_alignment="center", gap="large"):
        budget = st.selectbox(
            say("false_alarms", lang), list(_HOURS), index=1, format_func=lambda word: say(word, lang), key="budget", width=260
        )
        first = queries.first_pass(station, since_ns)
        figure = "–" if first.yield_ratio is None else f"{first.yield_ratio:.1%}"
        counted = f"{first.passed} / {first.parts} · {say('last_shift', lang)}"
        st.html(f'<p class="plain">{say("first_pass_yield", lang)} <b class="figure">{figure}</b> <span class="quiet">{counted}</span></p>')
    return str(budget)


@st.fragment(run_every=10.0)
def _charts(station: str, since_ns: int, budget: str, lang: Language) -> None:
    parts = sorted(queries.recent(station, limit=_MOST_PARTS), key=lambda part: part.wall_utc_ns)
    before, shown = spc.split(parts, since_ns)
    if len(before) < spc.LEAST_BEFORE or not shown:
        st.html(f'<p class="lead">{say("spc_too_few", lang, n=spc.LEAST_BEFORE, have=len(parts))}</p>')
        return
    rate = parts_per_hour([part.wall_utc_ns for part in parts])
    allowed = max(1, round(rate * _HOURS[budget]))
    drawn = spc.charts(before, shown, allowed)
    for row in (drawn[:2], drawn[2:]):
        for column, chart in zip(st.columns(2, gap="small"), row, strict=True):
            with column, st.container(key=f"panel-{chart.name}"):
                _chart(chart, lang)
    st.html(f'<p class="quiet">{say("spc_rule", lang, before=len(before), rate=f"{rate:.0f}", parts=allowed)}</p>')


def parts_per_hour(wall_utc_ns: list[int]) -> float:
    """Return the usual rate: breaks and stops do not count."""
    gaps = sorted(after - before for before, after in pairwise(wall_utc_ns))
    usual_ns = gaps[len(gaps) // 2] if gaps else 0
    return 3600e9 / usual_ns if usual_ns > 0 else 0.0


def _chart(chart: spc.Chart, lang: Language) -> None:
    out = chart.out.nonzero()[0]
    title = say(f"chart_{chart.name}", lang, n=spc.PARTS_A_POINT[chart.name])
    st.html(f'<p class="panel-title">{title}</p>')
    if len(out):
        first = time.strftime("%H:%M", time.localtime(chart.at_utc_ns[out[0]] / 1e9))
        st.html(f'<p class="plain"><span class="badge fail">◆ {say("out_of_control", lang, n=len(out), time=first)}</span></p>')
    else:
        st.html(f'<p class="plain">✓ {say("in_control", lang)}</p>')
    figure = control_chart(chart, lang)
    if figure is not None:
        st.plotly_chart(figure, key=f"chart-{chart.name}", config=_PLOT, theme=None, width="stretch")
