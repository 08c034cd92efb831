"""The defect of a part drawn on its picture by hand, or corrected where the model drew it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import streamlit as st

from dashboards import labelling, people, queries
from dashboards.panels.pieces import title
from dashboards.theme import asset
from dashboards.words import Language, channel_name, say
from inspector.store import DrawnMask, StoredInspection

WORDS = ("brush", "eraser", "box", "undo", "clear", "propose", "keep", "unsaved", "kept", "not_kept", "mask")


def show(stored: StoredInspection, lang: Language) -> None:
    cameras = list(queries.pictures(stored))
    if not cameras:
        return
    with st.container(key="panel-drawing"):
        title("draw_mask", lang)
        camera = cameras[0]
        if len(cameras) > 1:
            key = f"drawing-camera-{stored.summary.inspection_id}"
            camera = st.segmented_control(
                say("channel", lang), cameras, default=camera, key=key, format_func=lambda name: channel_name(name, lang)
            ) or camera  # fmt: skip
        component = st.components.v2.component(
            "line_inspector.drawing", html=asset("drawing.html"), css=asset("drawing.css"), js=asset("drawing.js")
        )
        words = {f"draw_{word}": say(f"draw_{word}", lang) for word in WORDS} | {"brush_size": say("brush_size", lang)}
        may = people.may("operator", stored.summary.station)
        component(key="drawing", data={"part": _part(stored, camera, lang), "words": words, "may": may})
        st.html(f'<p class="quiet plain">{say("draw_hint", lang)}</p>')


def _part(stored: StoredInspection, camera: str, lang: Language) -> dict[str, Any]:
    drawn = labelling.masks(stored).get(camera)
    found = stored.summary
    return {
        "id": found.inspection_id,
        "camera": camera,
        "picture": f"/parts/{found.inspection_id}/picture/{camera}.jpg",
        "runs": list(drawn.mask.runs) if drawn else None,
        "proposed": labelling.proposed_runs(stored, camera),
        "saved_at": str(drawn.wall_utc_ns) if drawn else "",
        "told": _told(drawn, lang),
    }


def _told(drawn: DrawnMask | None, lang: Language) -> str:
    if drawn is None:
        return say("draw_nothing_yet", lang)
    when = datetime.fromtimestamp(drawn.wall_utc_ns / 1e9).astimezone()
    return say("draw_by", lang, who=drawn.who, when=f"{when:%Y-%m-%d %H:%M}")
