"""The line at the top of every page: where am I, which station, which language."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st
from streamlit.navigation.page import Page

from dashboards import people, queries
from dashboards.shapes import LOGO, picture_of
from dashboards.theme import style_sheet
from dashboards.words import LANGUAGES, Language, language_of, say
from inspector.access import Present

HELP = "page_guide"
"""The page that stands apart from the others, beside who is signed in."""


def language() -> Language:
    """Return the language of this screen: what was chosen, else what the browser speaks."""
    chosen = st.session_state.get("language") or st.query_params.get("lang")
    return chosen if chosen in LANGUAGES else language_of(st.context.locale)


def station() -> str | None:
    """Return the station that this screen looks at; None where none has sent anything."""
    known = queries.stations()
    chosen = st.session_state.get("station") or st.query_params.get("station")
    return chosen if chosen in known else next(iter(known), None)


def signer(station: str) -> dict[str, Any]:
    """Return what a screen needs to know of who acts on it: their name, empty where nobody may, and whether a badge would help."""
    here = people.present()
    may = people.may("operator", station)
    return {"who": here.person.name if here and may else "", "badge": here is not None and here.screen is not None and not here.is_acting}


def show(pages: Mapping[str, Page]) -> None:
    """Draw the masthead with a link to each page, keyed by the word that names it."""
    lang = language()
    st.html(f"<style>{style_sheet()}</style>")
    with st.container(key="masthead", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<div class="brand"><img src="{picture_of(LOGO)}" alt=""><span>{say("product", lang)}</span></div>')
        for word, page in pages.items():
            if word != HELP:
                st.page_link(page, label=say(word, lang), query_params={"lang": lang})
        with st.container(key="spring"):
            st.empty()
        st.page_link(pages[HELP], label=say(HELP, lang), query_params={"lang": lang})
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
        _person(lang)


def show_signed_out() -> None:
    """Draw what a page shows whose person was signed out since it was opened."""
    lang = language()
    st.html(f'<p class="lead">{say("signed_out", lang)} <a href="/login?lang={lang}" target="_self">{say("login_title", lang)}</a></p>')


def _person(lang: Language) -> None:
    here = people.present()
    if here is None:
        return
    if here.is_acting:
        _watch_for_lock()
    if here.screen is None:
        shown, action, word = here.person.name, "logout", "sign_out"
    elif here.is_acting:
        shown, action, word = here.person.name, "lock", "lock"
    else:
        shown, action, word = say("screen_shows", lang), "badge", "badge_badge"
    method = "get" if action == "badge" else "post"
    st.html(
        f'<form class="person" method="{method}" action="/{action}" target="_self">{_named(escape(shown), here, lang)}'
        f'<input type="hidden" name="lang" value="{lang}"><button type="submit">{say(word, lang)}</button></form>'
    )


def _named(shown: str, here: Present, lang: Language) -> str:
    if here.screen is not None:
        return f"<span>{shown}</span>"
    return f'<a href="/password?lang={lang}" target="_self" title="{say("password_title", lang)}">{shown}</a>'


@st.fragment(run_every=5.0)
def _watch_for_lock() -> None:
    here = people.present()
    if here is None or not here.is_acting:
        st.rerun()


def _station_picker(lang: Language) -> None:
    known = queries.stations()
    if len(known) > 1:
        chosen = station()
        # Streamlit warns of a default beside a choice that is kept already.
        index = known.index(chosen) if chosen in known and "station" not in st.session_state else 0
        st.selectbox(say("station", lang), known, index=index, key="station", label_visibility="collapsed", width=260)
    elif known:
        st.html(f'<span class="quiet">{say("station", lang)} <b>{escape(known[0])}</b></span>')
