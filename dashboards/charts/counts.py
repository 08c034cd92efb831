"""How many of what, and how it goes: Pareto charts and the yield over the hours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import plotly.graph_objects as go

from dashboards.charts.style import THIS_LINE, plain
from dashboards.theme import FAIL
from dashboards.words import Language, say
from inspector.store import HourlyYield

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
            "automargin": True,
            "tickmode": "array",
            "tickvals": [0, 25, 50, 75, 100],
            "title": {"text": ""},
        },
        bargap=0.45,
    )
    return figure


def hourly_yield(hours: Sequence[HourlyYield], lang: Language) -> go.Figure | None:
    """Return the parts of each hour that passed and that did not, with the yield written above; None for nothing."""
    if not hours:
        return None
    labels = [datetime.fromtimestamp(hour.start_utc_ns / 1e9).astimezone().strftime("%m-%d %H:00") for hour in hours]
    figure = go.Figure()
    figure.add_bar(x=labels, y=[hour.passed for hour in hours], name=say("pass", lang), marker={"color": _BAR})
    figure.add_bar(x=labels, y=[hour.parts - hour.passed for hour in hours], name=say("not_passed", lang), marker={"color": FAIL})
    figure.update_traces(hovertemplate="%{x}: %{y}")
    for label, hour in zip(labels, hours, strict=True):
        figure.add_annotation(x=label, y=hour.parts, text=f"{hour.yield_ratio:.0%}", showarrow=False, yshift=10, font={"size": 12})
    plain(figure, height_px=_HEIGHT_PX, y=say("parts", lang), legend=True)
    figure.update_layout(barmode="stack", bargap=0.35 if len(hours) > 3 else 0.8)
    figure.update_xaxes(type="category")
    figure.update_yaxes(range=[0, max(hour.parts for hour in hours) * 1.2])
    return figure
