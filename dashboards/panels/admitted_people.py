"""People: a list to choose from, and what is kept of the one chosen with all that an admin can do about it."""

from __future__ import annotations

from functools import partial
from html import escape

import streamlit as st

from dashboards import admitting, people
from dashboards.panels.admitting_pieces import confirmed, done, keep_secret, known_stations, log, moment, right_name, secret, station_name
from dashboards.panels.pieces import title
from dashboards.words import Language, say
from inspector.store import ROLES, Person, Role


def show(lang: Language) -> None:
    """Draw the people."""
    secret("password", lang)
    left, right = st.columns([1, 1.8], gap="small")
    everyone = admitting.everyone()
    with left:
        chosen = _list(everyone, lang)
        _adding(lang)
    with right:
        person, signed_in_utc_ns = next(pair for pair in everyone if pair[0].name == chosen)
        _head(person, signed_in_utc_ns, lang)
        _roles(person, lang)
        _badge(person, lang)
        with st.container(key="panel-person-log"):
            log(person.name, lang)


def _list(everyone: list[tuple[Person, int | None]], lang: Language) -> str:
    with st.container(key="panel-people"):
        title("people", lang)
        by_name = {person.name: person for person, _ in everyone}
        if st.session_state.get("chosen-person") not in by_name:
            st.session_state["chosen-person"] = people.who() if people.who() in by_name else next(iter(by_name))

        def told(name: str) -> str:
            person = by_name[name]
            roles = ", ".join(right_name(role, lang) for role in ROLES if role in person.roles.values())
            return " · ".join(filter(None, (name, roles or say("no_role", lang), say("locked_out", lang) if person.is_locked else "")))

        return st.radio(say("people", lang), list(by_name), format_func=told, key="chosen-person", label_visibility="collapsed")


def _adding(lang: Language) -> None:
    with st.container(key="panel-add-person"), st.form("add-person", border=False, clear_on_submit=True):
        title("add_person", lang)
        name = st.text_input(say("login_name", lang), max_chars=64, key="new-person")
        role, station = _role_and_station("new", lang)
        if st.form_submit_button(say("add_person", lang), type="primary", width="stretch") and name.strip():
            done(lambda: keep_secret("password", name.strip(), admitting.add(name, role, station)))


def _role_and_station(key: str, lang: Language) -> tuple[Role, str]:
    columns = st.columns(2, gap="small")
    role = columns[0].selectbox(say("role", lang), ROLES, index=1, format_func=lambda name: right_name(name, lang), key=f"role-{key}")
    station = columns[1].selectbox(
        say("station", lang),
        known_stations(),
        format_func=lambda name: station_name(name, lang),
        accept_new_options=True,
        key=f"at-{key}",
        placeholder=say("choose", lang),
    )
    return role, station


def _head(person: Person, signed_in_utc_ns: int | None, lang: Language) -> None:
    with st.container(key="panel-person"):
        facts = {
            "last_signed_in": moment(signed_in_utc_ns),
            "badge_badge": person.badge or "–",
            "state": say("locked_out" if person.is_locked else "let_in", lang),
        }
        rows = "".join(f"<dt>{escape(say(word, lang))}</dt><dd>{escape(value)}</dd>" for word, value in facts.items())
        st.html(f'<p class="lead"><b>{escape(person.name)}</b></p><dl class="facts">{rows}</dl>')
        if person.name == people.who():
            own = f'<a href="/password?lang={lang}" target="_self">{say("password_title", lang)}</a>'
            st.html(f'<p class="plain">{say("this_is_you", lang)} {own}</p>')
            return
        name, columns = person.name, st.columns(3, gap="small")
        with columns[0]:
            if confirmed("new_password", say("asks_new_password", lang, name=name), f"reset-{name}", lang):
                done(lambda: keep_secret("password", name, admitting.reset_password(name)))
        with columns[1]:
            if person.is_locked:
                if st.button(say("unlock_person", lang), key=f"unlock-{name}", width="stretch"):
                    done(lambda: admitting.set_locked(name, False))
            elif confirmed("lock_person", say("asks_lock", lang, name=name), f"lock-{name}", lang):
                done(lambda: admitting.set_locked(name, True))
        with columns[2]:
            if confirmed("remove_person", say("asks_remove", lang, name=name), f"remove-{name}", lang):
                done(lambda: admitting.remove(name))


def _roles(person: Person, lang: Language) -> None:
    with st.container(key="panel-roles"):
        title("roles", lang)
        for station, role in sorted(person.roles.items()):
            with st.container(key=f"role-row-{station}", horizontal=True, vertical_alignment="center", gap="medium"):
                st.html(f'<p class="plain"><b>{escape(right_name(role, lang))}</b> · {escape(station_name(station, lang))}</p>')
                if st.button(say("take_role", lang), key=f"take-{person.name}-{station}"):
                    done(partial(admitting.revoke, person.name, station))
        with st.form(f"grant-{person.name}", border=False):
            role, station = _role_and_station(person.name, lang)
            if st.form_submit_button(say("give_role", lang), width="stretch"):
                done(lambda: admitting.grant(person.name, role, station))


def _badge(person: Person, lang: Language) -> None:
    with st.container(key="panel-badge"):
        title("badge_and_pin", lang)
        with st.form(f"badge-{person.name}", border=False, clear_on_submit=True):
            columns = st.columns(2, gap="small")
            badge = columns[0].text_input(say("badge_badge", lang), max_chars=100, key=f"badge-of-{person.name}")
            pin = columns[1].text_input(
                say("pin_digits", lang), type="password", max_chars=8, key=f"pin-of-{person.name}", autocomplete="new-password"
            )
            if st.form_submit_button(say("set_badge", lang), width="stretch"):
                done(lambda: admitting.set_badge(person.name, badge, pin))
