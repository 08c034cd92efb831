"""A batch as a figure: every part's score over time, in one way or two, with the part that is looked at."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboards.charts.style import plain
from dashboards.replayed import Row
from dashboards.theme import OUTCOME_COLOURS
from dashboards.words import Language, say
from inspector.store.replays import Side

_MARKS = {"pass": "circle", "fail": "octagon", "review": "triangle-up"}
_HEIGHT_PX = 190


def scores(rows: Sequence[Row], shown: Row, *, compared: bool, lang: Language) -> go.Figure:
    """Return the scores over the seconds of the batch; where two ways are compared, a line joins a part's two scores."""
    figure = go.Figure()
    figure.add_vline(x=shown.t_s, line={"color": "#b92c05", "width": 2})
    if compared:
        _join(figure, rows)
    _marks(figure, rows, "before", lang, filled=not compared)
    if compared:
        _marks(figure, rows, "after", lang, filled=True)
    plain(figure, height_px=_HEIGHT_PX, x=f"{say('time', lang)} (s)", y=say("score", lang), legend=compared)
    figure.update_yaxes(range=[-0.06, 1.06])
    figure.update_layout(dragmode="pan", clickmode="event+select")
    return figure


def _join(figure: go.Figure, rows: Sequence[Row]) -> None:
    moved = [row for row in rows if "score" in row.differs]
    figure.add_scatter(
        x=[x for row in moved for x in (row.t_s, row.t_s, None)],
        y=[y for row in moved for y in (row.of("before")["score"], row.of("after")["score"], None)],
        mode="lines",
        line={"color": "#98a4ab", "width": 1.5},
        showlegend=False,
        hoverinfo="skip",
    )


def _marks(figure: go.Figure, rows: Sequence[Row], side: Side, lang: Language, *, filled: bool) -> None:
    documents = [row.of(side) for row in rows]
    symbols = [_MARKS[document["outcome"]] for document in documents]
    figure.add_scatter(
        x=[row.t_s for row in rows],
        y=[document["score"] for document in documents],
        mode="markers",
        name=say(side, lang),
        marker={
            "size": 11 if filled else 14,
            "symbol": symbols if filled else [f"{symbol}-open" for symbol in symbols],
            "color": [OUTCOME_COLOURS[document["outcome"]] for document in documents],
            "line": {"width": 1.5},
        },
        customdata=[
            [row.number, row.part_id.replace("<", "‹"), say(document["outcome"], lang)]
            for row, document in zip(rows, documents, strict=True)
        ],
        hovertemplate="%{customdata[1]}: %{customdata[2]} %{y:.3f}<extra></extra>",
    )
