"""How numbers, instants and shares are written in every report."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version

from scipy.stats import beta

from inspector.reports.sheet import Language, Sheet
from inspector.reports.words import say


def new_sheet(title: str, subtitle: str, language: Language, now: datetime) -> Sheet:
    """Return an empty report that says when it was made, and by what."""
    made = say("made", language, when=now.strftime("%Y-%m-%d %H:%M %Z").strip(), version=version("line-inspector"))
    return Sheet(title, subtitle, language, made, say("page", language))


def clock(wall_utc_ns: int) -> str:
    """Return an instant as the plant's clocks show it."""
    return datetime.fromtimestamp(wall_utc_ns / 1e9).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def number(value: float | None) -> str:
    """Return a figure to four digits."""
    return "–" if value is None else f"{value:.4g}".replace("-", "−")


def span(start_s: float, end_s: float) -> str:
    """Return a span round the trigger."""
    return f"{start_s:+.2f} … {end_s:+.2f}".replace("-", "−")


def interval(number_of: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return between what ends a share lies with this confidence (Clopper and Pearson: never too narrow); (0, 1) where nothing is known."""
    if of <= 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    low = 0.0 if number_of == 0 else float(beta.ppf(tail, number_of, of - number_of + 1))
    high = 1.0 if number_of == of else float(beta.ppf(1 - tail, number_of + 1, of - number_of))
    return low, high


def share_with_interval(number_of: int, of: int, language: Language) -> str:
    """Return a share with its 95 % interval in words; a dash of nothing."""
    if of <= 0:
        return "–"
    low, high = interval(number_of, of)
    return say("interval", language, share=number_of / of, low=low, high=high)
