"""The line at the top of every page: where am I, which station, which language."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import streamlit as st
from streamlit.navigation.page import Page

from dashboards import queries, signing
from dashboards.shapes import LOGO, picture_of
from dashboards.theme import style_sheet
from dashboards.words import LANGUAGES, Language, language_of, say


def language() -> Language:
    """Return the language of this screen: what was chosen, else what the browser speaks."""
    chosen = st.session_state.get("language") or st.query_params.get("lang")
    return chosen if chosen in LANGUAGES else language_of(st.context.locale)


def station() -> str | None:
    """Return the station that this screen looks at; None where none has sent anything."""
    known = queries.stations()
    chosen = st.session_state.get("station") or st.query_params.get("station")
    return chosen if chosen in known else next(iter(known), None)


def operator() -> str | None:
    """Return who signs on this screen: who said so last on one of its pages, else who had when it was opened."""
    return st.session_state.get("operator") or signing.operator(dict(st.context.cookies))


def show(pages: Mapping[str, Page]) -> None:
    """Draw the masthead with a link to each page, keyed by the word that names it."""
    lang = language()
    st.html(f"<style>{style_sheet()}</style>")
    with st.container(key="masthead", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<div class="brand"><img src="{picture_of(LOGO)}" alt=""><span>{say("product", lang)}</span></div>')
        for word, page in pages.items():
            st.page_link(page, label=say(word, lang), query_params={"lang": lang})
        with st.container(key="spring"):
            st.empty()
        _station_picker(lang)
        st.segmented_control(
            say("language", lang),
            list(LANGUAGES),
            format_func=lambda code: LANGUAGES[code],
            default=lang,
            required=True,
            key="language",
            label_visibility="collapsed",
        )


def _station_picker(lang: Language) -> None:
    known = queries.stations()
    if len(known) > 1:
        chosen = station()
        # Streamlit warns of a default beside a choice that is kept already.
        index = known.index(chosen) if chosen in known and "station" not in st.session_state else 0
        st.selectbox(say("station", lang), known, index=index, key="station", label_visibility="collapsed", width=260)
    elif known:
        st.html(f'<span class="quiet">{say("station", lang)} <b>{escape(known[0])}</b></span>')
