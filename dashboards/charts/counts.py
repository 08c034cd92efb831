"""How many of what, and how it goes: Pareto charts and the yield over the hours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from dashboards.charts.style import THIS_LINE, plain
from dashboards.theme import FAIL
from dashboards.words import Language, cause_name, say
from inspector.store import HourlyYield

if TYPE_CHECKING:
    from inspector.root_causes import Slot

_BAR = "#7f939c"
_MOST_BARS = 8
_SHADES = (("#1f4e5f", ""), ("#7f939c", "/"), ("#b28a2e", ""), ("#8a5a72", "x"), ("#5b7f52", "."), ("#b4bcc2", ""))
"""Colour and pattern of each cause: told apart without colour too."""
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


def causes_over_time(slots: Sequence[Slot], lang: Language) -> go.Figure | None:
    """Return the causes of each slot as stacked bars, those that are rare together; None where nothing was found."""
    total = sum((Counter(slot.causes) for slot in slots), Counter[str]())
    if not total:
        return None
    labels = [datetime.fromtimestamp(slot.start_utc_ns / 1e9).astimezone().strftime("%m-%d %H:%M") for slot in slots]
    figure = go.Figure()
    shown = [cause for cause, _ in total.most_common(len(_SHADES) - 1)]
    for cause, (shade, pattern) in zip(shown, _SHADES, strict=False):
        heights = [slot.causes.get(cause, 0) for slot in slots]
        figure.add_bar(x=labels, y=heights, name=cause_name(cause, lang), marker={"color": shade, "pattern": {"shape": pattern}})
    rest = [sum(n for cause, n in slot.causes.items() if cause not in shown) for slot in slots]
    if any(rest):
        figure.add_bar(x=labels, y=rest, name=say("other_causes", lang), marker={"color": _SHADES[-1][0]})
    plain(figure, height_px=_HEIGHT_PX, y=say("not_passed", lang), legend=True)
    figure.update_layout(barmode="stack", bargap=0.2)
    figure.update_xaxes(type="category", nticks=12)
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
