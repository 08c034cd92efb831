"""Process values round the trigger as figures, with the spans that the diagnosis points at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboards.charts.style import MARK, NORMAL_LINE, SPAN, THIS_LINE, plain
from dashboards.words import Language, say
from inspector.diagnosis.wording import unit_name
from inspector.parts import Series

_MOST_POINTS = 4000
_HEIGHT_PX = 190


def trend(series: Series, normal: Series | None, evidence: Sequence[dict[str, Any]], lang: Language) -> go.Figure | None:
    """Return one process value over time (s to the trigger, which is `t_ns` 0); the spans of `evidence` are shaded from their change on.

    A gap (NaN) stays a gap. None where nothing was measured.
    """
    if not np.isfinite(series.values).any():
        return None
    figure = go.Figure()
    if normal is not None and np.isfinite(normal.values).any():
        _line(figure, normal, NORMAL_LINE, 1.1)
    _line(figure, series, THIS_LINE, 1.7)
    for item in evidence:
        _span(figure, item, lang)
    figure.add_vline(x=0, line={"color": "#5b6871", "width": 1.2, "dash": "dash"})
    return plain(figure, height_px=_HEIGHT_PX, x=f"{say('time_to_trigger', lang)} (s)", y=unit_name(series.unit))


def _line(figure: go.Figure, series: Series, colour: str, width: float) -> None:
    step = max(1, len(series.values) // _MOST_POINTS)
    seconds = series.t_ns[::step] / 1e9
    figure.add_scatter(
        x=seconds,
        y=series.values[::step],
        mode="lines",
        connectgaps=False,
        line={"color": colour, "width": width},
        hovertemplate="%{x:.2f} s: %{y:.4g}<extra></extra>",
    )


def _span(figure: go.Figure, item: dict[str, Any], lang: Language) -> None:
    start_s, end_s = item.get("start_s"), item.get("end_s")
    if start_s is None or end_s is None:
        return
    figure.add_vrect(x0=start_s, x1=end_s, fillcolor=SPAN, line_width=0, layer="below")
    text = (item.get("text") or {}).get(lang) or item.get("kind", "")
    figure.add_vline(
        x=start_s,
        line={"color": MARK, "width": 1.4},
        annotation={"text": _safe(str(text)), "font": {"size": 11, "color": MARK}, "xanchor": "left", "showarrow": False},
        annotation_position="top right",
    )


def _safe(text: str) -> str:
    """Keep a plant's text from being read as plotly's markup, and short."""
    short = text if len(text) <= 46 else f"{text[:45]}…"
    return short.replace("<", "‹").replace(">", "›")
