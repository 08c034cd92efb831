"""The pages of the dashboard, and which address each has. Streamlit runs this file for every screen."""

from __future__ import annotations

import streamlit as st

from dashboards import masthead
from dashboards.shapes import LOGO, picture_of
from dashboards.views import causes, history, live, part, replay, review
from dashboards.words import say

lang = masthead.language()
st.set_page_config(page_title=say("product", lang), page_icon=picture_of(LOGO), layout="wide", initial_sidebar_state="collapsed")
pages = {
    "page_live": st.Page(live.show, title=say("page_live", lang), url_path="live", default=True),
    "page_part": st.Page(part.show, title=say("page_part", lang), url_path="part"),
    "page_history": st.Page(history.show, title=say("page_history", lang), url_path="history"),
    "page_causes": st.Page(causes.show, title=say("page_causes", lang), url_path="causes"),
    "page_replay": st.Page(replay.show, title=say("page_replay", lang), url_path="replay"),
    "page_review": st.Page(review.show, title=say("page_review", lang), url_path="review"),
}
st.session_state["pages"] = pages  # for the pages that lead to another page
chosen = st.navigation(list(pages.values()), position="hidden")
masthead.show(pages)
chosen.run()
