"""One look for all figures: grey, thin, no decoration; colour only for what is out of the ordinary."""

from __future__ import annotations

import math

import plotly.graph_objects as go

from dashboards.theme import FONTS, INK, LINE, PANEL, QUIET

NORMAL_LINE = "#98a4ab"
THIS_LINE = "#1f4e5f"
MARK = "#8a5a00"
SPAN = "rgba(185, 44, 5, 0.13)"


def plain(figure: go.Figure, *, height_px: int, x: str = "", y: str = "", legend: bool = False) -> go.Figure:
    """Give `figure` the product's look and its axes their names."""
    figure.update_layout(
        height=height_px,
        margin={"l": 8, "r": 8, "t": 26 if legend else 10, "b": 8},
        paper_bgcolor=PANEL,
        plot_bgcolor="#f1f3f4",
        font={"family": FONTS, "size": 13, "color": INK},
        showlegend=legend,
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 12}},
        hoverlabel={"font": {"family": FONTS}},
        dragmode="zoom",
    )
    axis = {"gridcolor": "#d6dbde", "linecolor": LINE, "zeroline": False, "ticks": "outside", "tickcolor": LINE, "automargin": True}
    title = {"font": {"size": 12, "color": QUIET}, "standoff": 6}
    figure.update_xaxes(**axis, title={**title, "text": x})
    figure.update_yaxes(**axis, title={**title, "text": y})
    return figure


def mark(figure: go.Figure, at: float, label: str, *, log: bool = False) -> None:
    """Draw a thin upright line with a small name on top; `log` where the x axis is logarithmic."""
    figure.add_shape(type="line", x0=at, x1=at, y0=0, y1=1, yref="paper", line={"color": MARK, "width": 1, "dash": "dot"})
    figure.add_annotation(
        x=math.log10(at) if log else at,  # plotly places annotations, but not shapes, by the logarithm
        y=1,
        yref="paper",
        text=label,
        font={"size": 11, "color": MARK},
        textangle=-90,
        xanchor="right",
        yanchor="top",
        showarrow=False,
    )
