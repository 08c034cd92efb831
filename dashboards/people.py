"""Who is this? The person at the browser whose page or request is being worked on, and what they may do.

Pages and routes ask here; nobody hands names about. In a route the door has looked already; a page of Streamlit, which runs in threads
of its own, is known by the cookie that its websocket came with, and is asked anew each time, as people leave and screens lock.
"""

from __future__ import annotations

import hashlib
from contextvars import ContextVar
from functools import cache

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from inspector.access import Logins, Present
from inspector.errors import AccessError
from inspector.home import Home
from inspector.store import EVERY_STATION, Role, Store

at_the_door: ContextVar[Present | None] = ContextVar("at_the_door", default=None)
"""Set by the door for one request."""


def present() -> Present | None:
    """Return who is here; None for nobody, who may do nothing."""
    return at_the_door.get() or logins().present(page_token())


def who() -> str:
    """Return the name that what is done now is signed with. Raises AccessError where nobody is here."""
    here = present()
    if here is None:
        raise AccessError("nobody is signed in; sign in first")
    return here.person.name


def may(role: Role, station: str = EVERY_STATION) -> bool:
    """Say whether whoever is here has at least `role` at `station`; without one: at every station."""
    here = present()
    return here is not None and here.person.may(role, station)


def demand(role: Role, station: str = EVERY_STATION) -> str:
    """Return who is here. Raises AccessError where they have not at least `role` at `station`."""
    name = who()
    if not may(role, station):
        place = "every station" if station == EVERY_STATION else station
        raise AccessError(f"{name} may not do this; it takes the role {role} at {place}, which an admin gives")
    return name


def page_token() -> str | None:
    """Return what the browser of the running page keeps; None outside a page."""
    return None if get_script_run_ctx(suppress_warning=True) is None else st.context.cookies.get(cookie_name())


def cookie_name() -> str:
    """Return the name of the cookie of this installation: browsers give cookies to all ports of a computer."""
    return f"inspector-{hashlib.sha256(str(Home.at(None).root).encode()).hexdigest()[:8]}"


def logins() -> Logins:
    """Return the sessions of this installation."""
    return _logins_at(Home.at(None))


@cache
def _logins_at(home: Home) -> Logins:
    return Logins(Store.open(home))
