"""The pages of the dashboard, and which address each has. Streamlit runs this file for every screen."""

from __future__ import annotations

import streamlit as st

from dashboards import admitting, masthead, people
from dashboards.shapes import LOGO, picture_of
from dashboards.views import access, alarms, causes, guide, handover, history, live, models, part, replay, review, spc, stations, wall
from dashboards.words import say
from inspector.store import EVERY_STATION

lang = masthead.language()
st.set_page_config(page_title=say("product", lang), page_icon=picture_of(LOGO), layout="wide", initial_sidebar_state="collapsed")
here = people.present()
if here is None:
    masthead.show_signed_out()
    st.stop()
if here.is_acting:
    people.logins().touch(people.page_token() or "")
pages = {
    "page_live": st.Page(live.show, title=say("page_live", lang), url_path="live", default=True),
    "page_wall": st.Page(wall.show, title=say("page_wall", lang), url_path="wall"),
    "page_part": st.Page(part.show, title=say("page_part", lang), url_path="part"),
    "page_alarms": st.Page(alarms.show, title=say("page_alarms", lang), url_path="alarms"),
    "page_spc": st.Page(spc.show, title=say("page_spc", lang), url_path="spc"),
    "page_handover": st.Page(handover.show, title=say("page_handover", lang), url_path="handover"),
    "page_history": st.Page(history.show, title=say("page_history", lang), url_path="history"),
    masthead.HELP: st.Page(guide.show, title=say(masthead.HELP, lang), url_path="guide"),
}
if people.may("engineer", masthead.station() or EVERY_STATION):  # what only engineers need is not in an operator's way
    pages |= {
        "page_causes": st.Page(causes.show, title=say("page_causes", lang), url_path="causes"),
        "page_replay": st.Page(replay.show, title=say("page_replay", lang), url_path="replay"),
        "page_review": st.Page(review.show, title=say("page_review", lang), url_path="review"),
        "page_models": st.Page(models.show, title=say("page_models", lang), url_path="models"),
        "page_stations": st.Page(stations.show, title=say("page_stations", lang), url_path="stations"),
    }
if admitting.may_admit():
    pages["page_access"] = st.Page(access.show, title=say("page_access", lang), url_path="access")
st.session_state["pages"] = pages  # for the pages that lead to another page
chosen = st.navigation(list(pages.values()), position="hidden")
masthead.show(pages)
chosen.run()
