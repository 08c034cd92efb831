"""Judging a recording again from the page: what to compare, what mistakes cost, and how far it is."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboards import kept_replays, people
from dashboards.panels.pieces import plain_text
from dashboards.words import Language, say
from inspector.parts import MODALITIES

COSTS = ("escape", "reject", "review")
_USUAL_PRICES = (100.0, 5.0, 1.0)


def show(lang: Language) -> None:
    """Draw the form, or how far the replay is that was started from it."""
    running = st.session_state.get("replay-running")
    if running is not None:
        _follow(running[0], running[1], lang)
        return
    if error := st.session_state.pop("replay-error", None):
        st.error(plain_text(error))
    if not people.may("engineer"):
        return
    recordings = kept_replays.recordings()
    with st.expander(say("replay_again", lang), expanded=not kept_replays.names()):
        if not recordings:
            st.html(f'<p class="plain">{say("no_recordings", lang)}</p>')
            return
        with st.form("replay-start", border=False):
            recording = st.selectbox(say("recording", lang), list(recordings), width=420)
            options = _options(lang)
            if st.form_submit_button(say("start", lang), type="primary", width=200):
                chosen = recordings[recording]
                st.session_state["replay-running"] = (kept_replays.start(chosen, options), chosen)
                st.rerun()


def _options(lang: Language) -> list[str]:
    """Draw what can be compared; return it as options of `inspector replay`."""
    models = kept_replays.models()
    options: list[str] = []
    left, middle, right = st.columns(3, gap="medium")
    with left:
        model = st.selectbox(say("judged_by", lang), list(models))
        other = st.selectbox(say("compared_with", lang), (None, *models), format_func=lambda name: name or say("the_same_model", lang))
        options += ["--model", str(models[model])] if model else []
        options += ["--compare", str(models[other])] if other else []
    with middle:
        threshold = st.number_input(say("other_threshold", lang), min_value=0.001, max_value=0.999, value=None, step=0.01, format="%.3f")
        without = st.multiselect(say("without_sense", lang), MODALITIES, format_func=lambda sense: say(sense, lang))
        options += ["--compare-threshold", f"{threshold}"] if threshold else []
        options += [option for sense in without for option in ("--compare-without", sense)]
    with right:
        prices = [
            st.number_input(say(f"price_{name}", lang), min_value=0.01, value=usual, step=1.0)
            for name, usual in zip(COSTS, _USUAL_PRICES, strict=True)
        ]
        written = ",".join(f"{name}={price:g}" for name, price in zip(COSTS, prices, strict=True))
        decide = st.checkbox(say("decide_by_prices", lang))
        options += ["--compare-costs", written] if decide else []
    compared = any(option.startswith("--compare") for option in options)
    return [*options, "--prices", written] if compared else options


@st.fragment(run_every=1.0)
def _follow(name: str, recording: Path, lang: Language) -> None:
    told = kept_replays.progress(name, recording)
    if "error" not in told:
        st.progress(told["done"] / max(told["parts"], 1), say("judging", lang, done=told["done"], parts=told["parts"]))
        return
    del st.session_state["replay-running"]
    if told["error"]:
        st.session_state["replay-error"] = told["error"]
    else:
        st.session_state["replay-started"] = name
    st.rerun()
