"""How the devices of a station run over days: drift of their clocks, error of alignment, drops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import plotly.graph_objects as go

from dashboards.charts.style import plain
from dashboards.words import Language, channel_name

_COLOURS = ("#1f4e5f", "#8a5a00", "#6b4c8a", "#3b7a3b", "#98544b", "#4d5a64", "#2a7f9e", "#7a7a1f", "#a04e86")
_DASHES = ("solid", "dash", "dot")
Points = Sequence[tuple[int, float]]
"""(wall time in ns, value)"""


def over_days(lines: Mapping[str, Points], unit: str, lang: Language) -> go.Figure | None:
    """Return a line per channel over time; None where nothing was measured."""
    if not any(lines.values()):
        return None
    figure = go.Figure()
    for number, (channel, points) in enumerate(lines.items()):
        times = [datetime.fromtimestamp(at / 1e9).astimezone() for at, _ in points]
        look = {"color": _COLOURS[number % len(_COLOURS)], "dash": _DASHES[number // len(_COLOURS) % len(_DASHES)], "width": 1.6}
        figure.add_scatter(
            x=times,
            y=[value for _, value in points],
            name=channel_name(channel, lang),
            mode="lines+markers",
            marker={"size": 4},
            line=look,
            hovertemplate="%{x|%m-%d %H:%M}: %{y:.4g}",
        )
    figure.update_xaxes(tickformat="%H:%M\n%m-%d")  # without it, plotly names months in English
    return plain(figure, height_px=260, y=unit, legend=True)
