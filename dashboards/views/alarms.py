"""The alarms of a station: what waits for a person, what is known, what was put aside and until when."""

from __future__ import annotations

import streamlit as st

from dashboards import masthead
from dashboards.theme import asset, script
from dashboards.words import all_words, say
from inspector.monitoring.alarms import SHELF_MINUTES, SHELF_REASONS


def show() -> None:
    """Draw the page. After this the browser keeps it up to date by itself."""
    lang, station = masthead.language(), masthead.station()
    if station is None:
        st.html(f'<p class="lead">{say("no_parts", lang)}</p>')
        return
    st.session_state["shown_station"] = station
    code = script("signs.js", "alarms.js")
    screen = st.components.v2.component("line_inspector.alarms", html=asset("alarms.html"), css=asset("alarms.css"), js=code)
    data = {
        "station": station,
        "language": lang,
        "words": all_words(lang),
        **masthead.signer(station),
        "shelf_minutes": SHELF_MINUTES,
        "shelf_reasons": SHELF_REASONS,
    }
    told = screen(key="alarms-screen", data=data, on_open_change=lambda: None)
    if told.open:
        st.switch_page(st.session_state["pages"]["page_part"], query_params={"id": told.open, "lang": lang})
