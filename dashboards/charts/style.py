"""One look for all figures: grey, thin, no decoration; colour only for what is out of the ordinary."""

from __future__ import annotations

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


def mark(figure: go.Figure, at: float, label: str, *, row: int | None = None) -> None:
    """Draw a thin upright line with a small name on top."""
    place = {} if row is None else {"row": row, "col": 1}
    figure.add_vline(
        x=at,
        line={"color": MARK, "width": 1, "dash": "dot"},
        annotation={
            "text": label,
            "font": {"size": 11, "color": MARK},
            "textangle": -90,
            "xanchor": "right",
            "yanchor": "top",
            "showarrow": False,
        },
        annotation_position="top left",
        **place,
    )
