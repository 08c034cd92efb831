"""The picture of one part: heat map and how far to trust it, defects, the good part that looks most like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

import streamlit as st

from dashboards import queries
from dashboards.live_feed import part_view
from dashboards.panels.pieces import number_of, table, title
from dashboards.theme import asset
from dashboards.words import Language, kind_name, say
from inspector.store import StoredInspection


def show(stored: StoredInspection, lang: Language) -> None:
    with st.container(key="panel-picture"):
        title("picture", lang)
        cameras = list(queries.pictures(stored))
        if not cameras:
            st.html(f'<p class="quiet">{say("no_picture", lang)}</p>')
            return
        view = part_view(stored.summary.inspection_id) or {}
        camera = view.get("camera", cameras[0])
        if len(cameras) > 1:
            camera = (
                st.segmented_control(say("channel", lang), cameras, default=camera, required=True, label_visibility="collapsed") or camera
            )
        picture_component(_picture_view(stored, camera), "picture", lang)
        _trust(stored.document.get("heat_maps", []), camera, lang)
        defects(stored.document.get("defects", []), lang)
        _good_part(stored, camera, lang)


def picture_component(view: Mapping[str, Any], key: str, lang: Language) -> None:
    """Draw a picture with its heat map and boxes; `view` says where they are found."""
    component = st.components.v2.component(
        "line_inspector.picture", html=asset("picture.html"), css=asset("picture.css"), js=asset("picture.js")
    )
    words = {word: say(word, lang) for word in ("heat_map", "opacity")}
    component(key=key, data={"part": dict(view), "language": lang, "words": words})


def _trust(heat_maps: Sequence[Mapping[str, Any]], camera: str, lang: Language) -> None:
    """Say whether the decision really came from where the map is hot."""
    for heat in heat_maps:
        if heat["camera"] == camera and heat.get("reliable") is not None:
            word, look = ("map_reliable", "pass") if heat["reliable"] else ("map_not_reliable", "review")
            st.html(
                f'<p class="plain"><span class="badge {look}">{say(word, lang)} ({number_of(round(heat["faithfulness"], 2))})</span></p>'
            )


def _good_part(stored: StoredInspection, camera: str, lang: Language) -> None:
    known = [good for good in stored.document.get("good_parts", []) if good["camera"] == camera]
    if not known or camera not in queries.good_parts(stored):
        return
    address = f"/parts/{stored.summary.inspection_id}/good/{quote(camera)}.jpeg"
    caption = say("good_part", lang, part=known[0]["part_id"])
    st.html(f'<figure class="good-part"><img src="{address}" alt=""><figcaption class="quiet">{escape(caption)}</figcaption></figure>')


def _picture_view(stored: StoredInspection, camera: str) -> dict[str, Any]:
    view = part_view(stored.summary.inspection_id) or {}
    address = f"/parts/{stored.summary.inspection_id}"
    heat = f"{address}/heat/{camera}.png" if camera in queries.heat_maps(stored) else None
    return {
        "id": view.get("id"),
        "camera": camera,
        "picture": f"{address}/picture/{camera}.jpg",
        "heat": heat,
        "defects": view.get("defects", []),
    }


def defects(found: Sequence[Mapping[str, Any]], lang: Language) -> None:
    if not found:
        st.html(f'<p class="quiet plain">{say("no_defects", lang)}</p>')
        return
    rows = [
        [escape(kind_name(d.get("kind"), lang)), f"{d.get('confidence', 0):.0%}", _box(d.get("box_px")), _area(d), _severity(d)]
        for d in found
    ]
    table([say(word, lang) for word in ("defect", "confidence", "place", "area", "severity")], rows, figures=(1, 3, 4))


def _severity(defect: Mapping[str, Any]) -> str:
    return f"{defect['severity']:.2f}" if defect.get("severity") is not None else "–"


def _box(box: Sequence[int] | None) -> str:
    return "–" if box is None else f"x {box[0]}, y {box[1]}, {box[2]} × {box[3]} px"


def _area(defect: Mapping[str, Any]) -> str:
    if defect.get("area_mm2") is not None:
        return f"{defect['area_mm2']:.1f} mm²"
    return f"{defect['area_px']} px" if defect.get("area_px") is not None else "–"
