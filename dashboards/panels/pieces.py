"""Small pieces that the engineer's pages share: titles, tables, figures, text of a plant kept from being markup."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import streamlit as st

from dashboards.words import Language, say

_PLOT = {"displayModeBar": False, "responsive": True}


def title(word: str, lang: Language, of: str = "") -> None:
    text = f"{of} · {say(word, lang)}" if of else say(word, lang)
    st.html(f'<p class="panel-title">{escape(text)}</p>')


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], figures: tuple[int, ...] = ()) -> None:
    """Draw a table; the cells are HTML and must be escaped by the caller."""

    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(f"<{tag}{' class=figure' if index in figures else ''}>{cell}</{tag}>" for index, cell in enumerate(row))

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    st.html(f'<table class="evidence"><thead><tr>{cells([escape(head) for head in heads], "th")}</tr></thead><tbody>{body}</tbody></table>')


def plain_text(text: str) -> str:
    """Keep Streamlit from reading a plant's text as Markdown."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]()<>#+-.!|~$:" else sign for sign in text)


def draw(figure: Any, key: str, **more: Any) -> Any:
    """Draw a figure, or a dash for none; return what was selected in it, where `more` asks for that."""
    if figure is None:
        st.html('<p class="quiet">–</p>')
        return None
    return st.plotly_chart(figure, key=key, config=_PLOT, theme=None, width="stretch", **more)


def number_of(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}".replace("-", "−")
