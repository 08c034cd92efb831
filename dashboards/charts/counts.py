"""How many of what, and how it goes: Pareto charts and the yield over the hours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import plotly.graph_objects as go

from dashboards.charts.style import THIS_LINE, plain
from dashboards.theme import FAIL, REVIEW
from dashboards.words import Language, say
from inspector.parts import Outcome

_BAR = "#7f939c"
_MOST_BARS = 8
_HEIGHT_PX = 250


def pareto(counted: Mapping[str, int], lang: Language) -> go.Figure | None:
    """Return names by how often they occurred, most frequent first, with the cumulative share; None for nothing."""
    most = Counter(counted).most_common(_MOST_BARS)
    total = sum(counted.values())
    if not most or total <= 0:
        return None
    names, numbers = [name for name, _ in most], [number for _, number in most]
    shares = [sum(numbers[: index + 1]) / total * 100 for index in range(len(numbers))]
    figure = go.Figure()
    figure.add_bar(
        x=names,
        y=numbers,
        marker={"color": _BAR},
        text=numbers,
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{x}: %{y}<extra></extra>",
    )
    figure.add_scatter(
        x=names,
        y=shares,
        yaxis="y2",
        mode="lines+markers",
        line={"color": THIS_LINE, "width": 1.5},
        marker={"size": 6},
        hovertemplate="%{y:.0f} %<extra></extra>",
    )
    plain(figure, height_px=_HEIGHT_PX, y=say("count", lang))
    figure.update_layout(
        yaxis={"range": [0, max(numbers) * 1.18]},
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "range": [0, 108],
            "showgrid": False,
            "ticksuffix": " %",
            "title": {"text": say("cumulative", lang), "font": {"size": 12}},
        },
        bargap=0.45,
    )
    return figure


def hourly_yield(outcomes: Sequence[tuple[datetime, Outcome]], lang: Language) -> go.Figure | None:
    """Return the parts of each hour by outcome, with the yield written above; None for nothing."""
    hours: dict[datetime, Counter[str]] = {}
    for when, outcome in outcomes:
        hours.setdefault(when.replace(minute=0, second=0, microsecond=0), Counter())[outcome] += 1
    if not hours:
        return None
    ordered = sorted(hours)
    labels = [hour.strftime("%m-%d %H:00") for hour in ordered]
    figure = go.Figure()
    for outcome, colour in (("pass", _BAR), ("review", REVIEW), ("fail", FAIL)):
        counted = [hours[hour][outcome] for hour in ordered]
        figure.add_bar(x=labels, y=counted, name=say(outcome, lang), marker={"color": colour}, hovertemplate="%{x}: %{y}")
    for label, hour in zip(labels, ordered, strict=True):
        total = sum(hours[hour].values())
        figure.add_annotation(x=label, y=total, text=f"{hours[hour]['pass'] / total:.0%}", showarrow=False, yshift=10, font={"size": 12})
    plain(figure, height_px=_HEIGHT_PX, y=say("parts", lang), legend=True)
    figure.update_layout(barmode="stack", bargap=0.35)
    figure.update_xaxes(type="category")
    return figure
