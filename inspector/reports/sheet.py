"""What a report holds, before it is HTML or PDF: blocks in reading order. All text is plain; who draws it keeps it from being markup."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from inspector.parts import Outcome

Language = Literal["en", "zh"]


@dataclass(frozen=True, slots=True)
class Heading:
    text: str
    kind: str = "heading"


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str
    look: Literal["plain", "lead", "quiet", "warning"] = "plain"
    kind: str = "paragraph"


@dataclass(frozen=True, slots=True)
class Stamp:
    """The outcome of a part, said by word and colour."""

    outcome: Outcome
    word: str
    detail: str
    kind: str = "stamp"


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with what they are."""

    rows: tuple[tuple[str, str], ...]
    kind: str = "facts"


@dataclass(frozen=True, slots=True)
class Table:
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...] = ()
    """Columns that hold figures, which stand at the right."""
    kind: str = "table"


@dataclass(frozen=True, slots=True)
class Bars:
    """Names with a bar each; `share` from 0 to 1 is its length."""

    rows: tuple[tuple[str, float, str], ...]
    kind: str = "bars"


@dataclass(frozen=True, slots=True)
class Picture:
    png: bytes
    caption: str
    width_ratio: float = 1.0
    """Of the page's width; pictures that fit beside each other stand in one row."""
    kind: str = "picture"


Block = Heading | Paragraph | Stamp | Facts | Table | Bars | Picture


@dataclass(slots=True)
class Sheet:
    """One report."""

    title: str
    subtitle: str
    language: Language
    made: str
    """When and by what, for the foot of each page."""
    page_word: str
    blocks: list[Block] = field(default_factory=list)

    def add(self, *blocks: Block) -> None:
        self.blocks += blocks
