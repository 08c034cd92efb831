"""How every page looks: Streamlit's settings, and the style sheet on top of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).with_name("assets")

FONTS = (
    "'Segoe UI', 'Noto Sans', Roboto, 'Helvetica Neue', Arial, "
    "'Noto Sans CJK SC', 'Noto Sans SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"
)
"""Fonts that the screens already have: a plant's network loads none from outside."""

GROUND, PANEL, LINE, INK, QUIET = "#d9dde0", "#e6e9eb", "#b4bcc2", "#1d262d", "#4d5a64"
CALM, FAIL, REVIEW = "#3f6470", "#b92c05", "#f2b200"
OUTCOME_COLOURS = {"pass": CALM, "fail": FAIL, "review": REVIEW}


def settings(host: str, port: int) -> dict[str, Any]:
    """Return Streamlit's settings for a screen on the shop floor: quiet, light grey, and nothing sent to anyone."""
    return {
        "server.address": host,
        "server.port": port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.disconnectedSessionTTL": 120,
        "server.maxUploadSize": 1,
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showSidebarNavigation": False,
        "logger.level": "warning",
        "logger.hideWelcomeMessage": True,
        "theme.base": "light",
        "theme.primaryColor": CALM,
        "theme.backgroundColor": GROUND,
        "theme.secondaryBackgroundColor": PANEL,
        "theme.textColor": INK,
        "theme.borderColor": LINE,
        "theme.linkColor": CALM,
        "theme.font": FONTS,
        "theme.headingFont": FONTS,
        "theme.baseRadius": "6px",
        "theme.showWidgetBorder": True,
    }


@cache
def style_sheet() -> str:
    """Return the pages' own CSS."""
    return (ASSETS / "pages.css").read_text(encoding="utf-8")


def script(*names: str) -> str:
    """Return files of JavaScript joined into the one module that a component takes."""
    return "\n".join(asset(name) for name in names)


@cache
def asset(name: str) -> str:
    """Return the text of one of the product's own front-end files."""
    return (ASSETS / name).read_text(encoding="utf-8")
