"""The three verdict shapes as pictures; with the word and the colour they say an outcome three times over."""

from __future__ import annotations

from urllib.parse import quote

from dashboards.theme import CALM, FAIL, PANEL, REVIEW
from inspector.parts import Outcome

_TICK = '<circle cx="50" cy="50" r="47"/><path class="m" d="M27 52l16 17 31-36"/>'
_CROSS = '<path d="M30 2h40l28 28v40l-28 28H30L2 70V30z"/><path class="m" d="M33 33l34 34M67 33L33 67"/>'
_TRIANGLE = '<path d="M50 5l47 86a4 4 0 0 1-3 6H6a4 4 0 0 1-3-6z"/><path class="m" d="M50 40v25M50 81v.1"/>'

LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect x="2" y="2" width="28" height="28" rx="6" fill="#3f6470"/>'
    '<path d="M8 12V8h4M20 8h4v4M24 20v4h-4M12 24H8v-4" fill="none" stroke="#fff" stroke-width="2.2" stroke-linecap="round"/>'
    '<path d="M11 16.5l3.6 3.6L21.5 13" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/></svg>'
)


def picture_of(svg: str) -> str:
    """Return an SVG as an address that an `img` can show."""
    return f"data:image/svg+xml,{quote(svg)}"


def _shape(body: str, fill: str, mark: str) -> str:
    style = f"<style>.m{{fill:none;stroke:{mark};stroke-width:11;stroke-linecap:round;stroke-linejoin:round}}</style>"
    # A size of its own: while a page's styles are on their way, one without would fill the screen.
    size = 'width="40" height="40" viewBox="0 0 100 100"'
    return picture_of(f'<svg xmlns="http://www.w3.org/2000/svg" {size} fill="{fill}">{style}{body}</svg>')


SHAPES: dict[Outcome, str] = {
    "pass": _shape(_TICK, CALM, PANEL),
    "fail": _shape(_CROSS, "#ffffff", FAIL),
    "review": _shape(_TRIANGLE, "#231a00", REVIEW),
}
"""Addresses of the shapes, drawn for the ground that each outcome has: a panel, red, amber."""
