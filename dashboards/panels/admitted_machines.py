"""Machines that may call the API: a list to choose from, and the rights of the one chosen."""

from __future__ import annotations

from html import escape

import streamlit as st

from dashboards import admitting
from dashboards.panels.admitting_pieces import confirmed, done, keep_secret, known_stations, log, moment, right_name, secret, station_name
from dashboards.panels.pieces import title
from dashboards.words import Language, say
from inspector.store import EVERY_STATION, SCOPES, Client, Scope


def show(lang: Language) -> None:
    """Draw the machines."""
    secret("token", lang)
    clients = {client.name: client for client in admitting.clients()}
    left, right = st.columns([1, 1.8], gap="small")
    with left:
        chosen = _list(clients, lang)
        _adding(lang)
    with right:
        if chosen is not None:
            _rights(clients[chosen], lang)
            with st.container(key="panel-machine-log"):
                log(chosen, lang)


def _list(clients: dict[str, Client], lang: Language) -> str | None:
    with st.container(key="panel-machines"):
        title("machines", lang)
        if not clients:
            st.html(f'<p class="quiet">{say("no_machine", lang)}</p>')
            return None
        if st.session_state.get("chosen-machine") not in clients:
            st.session_state["chosen-machine"] = next(iter(clients))

        def told(name: str) -> str:
            return f"{name} · {', '.join(right_name(scope, lang) for scope in SCOPES if scope in clients[name].scopes)}"

        return st.radio(say("machines", lang), list(clients), format_func=told, key="chosen-machine", label_visibility="collapsed")


def _adding(lang: Language) -> None:
    with st.container(key="panel-add-machine"), st.form("add-machine", border=False, clear_on_submit=True):
        title("add_machine", lang)
        name = st.text_input(say("machine_name", lang), max_chars=64, key="new-machine")
        scopes, stations = _scopes_and_stations("new", ["read"], [EVERY_STATION], lang)
        if st.form_submit_button(say("add_machine", lang), type="primary", width="stretch") and name.strip():
            done(lambda: keep_secret("token", name.strip(), admitting.add_client(name, scopes, stations)))


def _scopes_and_stations(key: str, scopes: list[str], stations: list[str], lang: Language) -> tuple[list[Scope], list[str]]:
    may = st.multiselect(
        say("scopes", lang),
        SCOPES,
        default=scopes,
        format_func=lambda name: right_name(name, lang),
        key=f"scopes-{key}",
        placeholder=say("choose", lang),
    )
    at = st.multiselect(
        say("stations", lang),
        list(dict.fromkeys([*known_stations(), *stations])),
        default=stations,
        format_func=lambda name: station_name(name, lang),
        accept_new_options=True,
        key=f"stations-{key}",
        placeholder=say("choose", lang),
    )
    return may, at


def _rights(client: Client, lang: Language) -> None:
    with st.container(key="panel-machine"):
        st.html(
            f'<p class="lead"><b>{escape(client.name)}</b></p>'
            f'<p class="quiet">{say("let_in_since", lang, time=moment(client.made_utc_ns))}</p>'
        )
        with st.form(f"rights-{client.name}", border=False):
            scopes, stations = _scopes_and_stations(client.name, sorted(client.scopes), sorted(client.stations), lang)
            if st.form_submit_button(say("keep_rights", lang), width="stretch"):
                done(lambda: admitting.change_client(client.name, scopes, stations))
        if confirmed("revoke_token", say("asks_revoke", lang, name=client.name), f"revoke-{client.name}", lang):
            done(lambda: admitting.remove_client(client.name))
