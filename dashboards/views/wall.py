"""Up to eight stations on one screen, for whoever walks past."""

from __future__ import annotations

import streamlit as st

from dashboards import masthead, queries
from dashboards.live_feed import WALL_STATIONS
from dashboards.theme import asset, script
from dashboards.views.live import words
from dashboards.words import say


def show() -> None:
    """Draw the page. After this the browser keeps it up to date by itself."""
    lang = masthead.language()
    stations = queries.stations()[:WALL_STATIONS]
    if not stations:
        st.html(f'<p class="lead">{say("no_parts", lang)}</p>')
        return
    code = script("signs.js", "wall.js")
    screen = st.components.v2.component("line_inspector.wall", html=asset("wall.html"), css=asset("wall.css"), js=code)
    data = {"stations": stations, "language": lang, "words": words(lang)}
    if screen(key="wall-screen", data=data, on_open_change=_look_at).open:
        st.switch_page(st.session_state["pages"]["page_live"], query_params={"lang": lang})


def _look_at() -> None:
    """Choose the station that was tapped: before the page is drawn again, as its picker cannot be changed later."""
    st.session_state["station"] = st.session_state["wall-screen"].open
