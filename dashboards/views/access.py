"""Who is let in: people with their roles, badges and passwords, and machines with their tokens. For admins."""

from __future__ import annotations

import streamlit as st

from dashboards import admitting, masthead
from dashboards.panels import admitted_machines, admitted_people
from dashboards.words import say


def show() -> None:
    """Draw the page."""
    lang = masthead.language()
    if not admitting.may_admit():
        st.html(f'<p class="lead">{say("admins_only", lang)}</p>')
        return
    of_people, of_machines = st.tabs([say("people", lang), say("machines", lang)])
    with of_people:
        admitted_people.show(lang)
    with of_machines:
        admitted_machines.show(lang)
