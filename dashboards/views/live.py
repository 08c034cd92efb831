"""The operator's screen: is the line well, and what needs me?"""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboards import masthead, queries
from dashboards.theme import asset, script
from dashboards.vocabulary.names import CHANNELS
from dashboards.words import LANGUAGES, Language, all_words, channel_name, in_language, kind_name, say
from inspector.parts import OK_LABEL, UNKNOWN_DEFECT, Text

_MOST_KINDS = 12
_OTHER: dict[Language, Language] = {"en": "zh", "zh": "en"}


def show() -> None:
    """Draw the page. After this the browser keeps it up to date by itself."""
    lang, station = masthead.language(), masthead.station()
    if station is None:
        _wait_for_a_station(lang)
        return
    st.session_state["shown_station"] = station
    code = script("signs.js", "speaking.js", "acting.js", "live.js")
    screen = st.components.v2.component("line_inspector.live", html=asset("live.html"), css=asset("live.css"), js=code)
    data = {
        "station": station,
        "language": lang,
        "words": words(lang),
        "channels": channel_names(station, lang),
        "kinds": kinds(station),
        **masthead.signer(station),
    }
    told = screen(key="live-screen", data=data, on_open_change=lambda: None, on_go_change=lambda: None)
    if told.open:
        st.switch_page(st.session_state["pages"]["page_part"], query_params={"id": told.open, "lang": lang})
    if told.go in st.session_state["pages"]:
        st.switch_page(st.session_state["pages"][told.go], query_params={"station": station, "lang": lang})


def words(lang: Language) -> dict[str, str]:
    """Return what the screen says, with each verdict in the other language too: a screen is read by people of both."""
    other = all_words(_OTHER[lang])
    return all_words(lang) | {f"{outcome}_other": other[outcome] for outcome in ("pass", "fail", "review")}


def channel_names(station: str, lang: Language) -> dict[str, str]:
    """Return the channels' names as the station's own definition gives them, else as the product knows them."""
    names = {channel: channel_name(channel, lang) for channel in CHANNELS}
    definition = queries.station_definition(station)
    titled = definition.channels.items() if definition else ()
    return names | {
        channel: in_language(Text(config.title.en, config.title.zh), lang) for channel, config in titled if config.title is not None
    }


def kinds(station: str) -> list[dict[str, Any]]:
    """Return the kinds of defect that an operator may choose from: what this station has seen, the most frequent first."""
    names = [*list(queries.frequent("kind", station))[:_MOST_KINDS], UNKNOWN_DEFECT, OK_LABEL]
    return [{"name": name, "title": {lang: kind_name(name, lang) for lang in LANGUAGES}} for name in dict.fromkeys(names)]


@st.fragment(run_every=2.0)
def _wait_for_a_station(lang: Language) -> None:
    if queries.stations():
        st.rerun()
    with st.container(key="panel-waiting"):
        st.html(f'<p class="lead">{say("no_stations", lang)}</p>')
        st.markdown(say("no_stations_hint", lang))
