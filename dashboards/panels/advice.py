"""What may help: the ranked fixes with their settings, how often each helped, and what to say when a trouble keeps coming back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import streamlit as st

from dashboards.panels.pieces import title
from dashboards.words import Language, parameter_name, say
from inspector.diagnosis.wording import unit_name


def suggestions(found: Sequence[Mapping[str, Any]], escalation: Mapping[str, str] | None, lang: Language) -> None:
    with st.container(key="panel-suggestions"):
        title("suggestion", lang)
        if escalation:
            st.html(f'<p class="plain"><b>{escape(escalation[lang])}</b></p>')
        if not found:
            st.html(f'<p class="quiet plain">{say("no_suggestion", lang)}</p>')
        for suggestion in found:
            st.html(fix(suggestion, lang))


def fix(suggestion: Mapping[str, Any], lang: Language) -> str:
    action = suggestion["action"].get(lang) or suggestion["action"].get("original", "")
    tried = suggestion.get("tried", 0)
    success = say("helped_in", lang, helped=suggestion.get("helped", 0), tried=tried) if tried else say("never_tried", lang)
    if (interval := suggestion.get("chance_interval")) and tried:
        success += " · " + say("chance_to_help", lang, low=f"{100 * interval[0]:.0f}", high=f"{100 * interval[1]:.0f}")
    if warning := suggestion.get("warning"):
        success = f"<b>{escape(warning[lang])}</b> · {success}"
    parameters = " · ".join(_parameter(parameter, lang) for parameter in suggestion.get("parameters", []))
    cases = ", ".join(escape(case) for case in suggestion.get("cases", []))
    behind = f'<p class="quiet plain">{say("cases", lang)}: {cases}</p>' if cases else ""
    return (
        f'<div class="fix"><p class="fix-action">{escape(action)}</p><p class="plain">{parameters}</p>'
        f'<p class="quiet plain">{success}</p>{behind}</div>'
    )


def _parameter(parameter: Mapping[str, Any], lang: Language) -> str:
    text = f"{escape(parameter_name(parameter['name'], lang))} <b>{parameter['value']:g} {escape(unit_name(parameter['unit']))}</b>"
    if parameter.get("successes"):
        ends = {name: f"{parameter[f'worked_{name}']:g}" for name in ("low", "high")}
        worked = say("worked_at", lang, **ends, unit=unit_name(parameter["unit"]), successes=parameter["successes"])
        text = f'{text} <span class="quiet">{escape(worked)}</span>'
    if parameter.get("low") is None or parameter.get("high") is None:
        return text
    limits = say("within_limits", lang, low=f"{parameter['low']:g}", high=f"{parameter['high']:g}")
    return f'{text} <span class="quiet">({limits} {escape(unit_name(parameter["unit"]))})</span>'
