"""What an operator wants to know, in one page; the same text as in the repository, in the reader's language."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st

from dashboards import masthead
from dashboards.words import Language

_PACKAGE = Path(__file__).parents[1]
_TEXTS: dict[Language, str] = {"en": "guide.en.md", "zh": "guide.zh-CN.md"}
_PICTURES = "screenshots"


def show() -> None:
    """Draw the page."""
    with st.container(key="panel-guide"):
        st.markdown(text(masthead.language()))


@cache
def text(lang: Language) -> str:
    """Return the guide as Markdown, its pictures where the dashboard serves them."""
    written = (_PACKAGE / _TEXTS[lang]).read_text(encoding="utf-8")
    body = "\n".join(line for line in written.splitlines() if "](guide." not in line)  # the page has its own switch of languages
    return body.replace(f"]({_PICTURES}/", "](/guide/")


def pictures() -> dict[str, Path]:
    """Return the pictures of the guide by name."""
    return {path.name: path for path in (_PACKAGE / _PICTURES).glob("*.webp")}
