"""Control charts: a line, its limits, and in colour only what lies outside."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import plotly.graph_objects as go

from dashboards.charts.style import MARK, NORMAL_LINE, THIS_LINE, plain
from dashboards.theme import FAIL, QUIET
from dashboards.words import Language, say
from inspector.monitoring.spc import Chart

_HEIGHT_PX = 250
_MOST_POINTS = 1500
"""That a screen can tell apart; of more, the newest are drawn."""


def control_chart(chart: Chart, lang: Language) -> go.Figure | None:
    """Return a control chart as a figure; None for no point."""
    if not len(chart.values):
        return None
    values, out = chart.values[-_MOST_POINTS:], chart.out[-_MOST_POINTS:]
    times = [datetime.fromtimestamp(at / 1e9).astimezone() for at in chart.at_utc_ns[-_MOST_POINTS:]]
    percent = chart.name == "p"
    scale = 100 if percent else 1
    figure = go.Figure()
    hover = "%{x|%H:%M:%S}: %{y:.3g}<extra></extra>"
    figure.add_scatter(x=times, y=values * scale, mode="lines", line={"color": THIS_LINE, "width": 1.4}, hovertemplate=hover)
    outside = [time for time, is_out in zip(times, out, strict=True) if is_out]
    figure.add_scatter(
        x=outside, y=values[out] * scale, mode="markers", marker={"color": FAIL, "size": 9, "symbol": "diamond"}, hovertemplate=hover
    )
    for level, word in ((chart.high, "limit"), (chart.low, "limit"), (chart.centre, "usual")):
        if level is not None:
            _level(figure, level * scale, say(word, lang), MARK if word == "limit" else NORMAL_LINE)
    plain(figure, height_px=_HEIGHT_PX)
    figure.update_xaxes(tickformat="%H:%M\n%m-%d")  # without it, plotly names months in English
    figure.update_yaxes(ticksuffix=" %" if percent else "", range=_span(chart, values, scale))
    return figure


def _level(figure: go.Figure, level: float, name: str, colour: str) -> None:
    figure.add_hline(y=level, line={"color": colour, "width": 1.3, "dash": "dash"})
    font = {"size": 11, "color": QUIET if colour == NORMAL_LINE else colour}  # a line may be paler than what is read
    figure.add_annotation(x=1, xref="paper", y=level, text=name, showarrow=False, xanchor="right", yanchor="bottom", font=font)


def _span(chart: Chart, values: np.ndarray, scale: float) -> list[float]:
    ends = [chart.high, chart.centre, float(values.max()), float(values.min()), *([] if chart.low is None else [chart.low])]
    low, high = min(ends) * scale, max(ends) * scale
    room = 0.12 * (high - low or 1.0)
    return [low - room if chart.low is not None else min(0.0, low), high + room]
