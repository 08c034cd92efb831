"""A report as a file: HTML that needs nothing else, or PDF with page numbers and its fonts inside."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from html import escape
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from inspector.errors import StoreError, UsageError
from inspector.reports.sheet import Bars, Block, Facts, Heading, Paragraph, Picture, Sheet, Stamp, Table

FORMATS = (".pdf", ".html")
_TEMPLATE = "report.typ"


def write_report(sheet: Sheet, out: Path) -> None:
    """Write a report as what the file's ending says. Raises UsageError, StoreError."""
    if out.suffix.lower() not in FORMATS:
        raise UsageError(f"--out {out}: must end with {' or '.join(FORMATS)}")
    try:
        out.write_bytes(file_of(sheet, out.suffix))
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written: {error.strerror}") from error


def file_of(sheet: Sheet, ending: str) -> bytes:
    """Return a report as the content of a file with this ending. Raises StoreError."""
    return pdf_of(sheet) if ending.lower() == ".pdf" else html_of(sheet).encode()


# --- PDF -------------------------------------------------------------------------------------------------------------------------


def pdf_of(sheet: Sheet) -> bytes:
    """Return a report as PDF. Every text reaches the typesetter as data, never as its markup. Raises StoreError."""
    import manimgx_fonts_cjk  # Noto Sans CJK, for both languages: what a machine has by itself differs, and may lack Chinese
    import typst

    with TemporaryDirectory(prefix="report-") as place:
        folder = Path(place)
        (folder / _TEMPLATE).write_text(_text(_TEMPLATE), encoding="utf-8")
        (folder / "report.json").write_text(json.dumps(_document(sheet, folder), ensure_ascii=False), encoding="utf-8")
        try:
            made = typst.compile(
                str(folder / _TEMPLATE), root=place, font_paths=[str(Path(manimgx_fonts_cjk.__file__).parent)], ignore_system_fonts=True
            )
        except typst.TypstError as error:
            raise StoreError(f"the report cannot be set as PDF: {error}; write it as .html") from error
    return bytes(made)


def _document(sheet: Sheet, folder: Path) -> dict[str, Any]:
    """Return the report as plain values; pictures become files beside it."""
    blocks = []
    for number, block in enumerate(sheet.blocks):
        plain = asdict(block)
        if isinstance(block, Picture):
            plain["png"] = f"{number}.png"
            (folder / plain["png"]).write_bytes(block.png)
        blocks.append(plain)
    return {**asdict(sheet), "blocks": blocks}


# --- HTML ------------------------------------------------------------------------------------------------------------------------


def html_of(sheet: Sheet) -> str:
    """Return a report as one HTML file that needs no other, and prints well."""
    title, style = escape(sheet.title), _text("report.css")
    return (
        f'<!doctype html>\n<html lang="{"zh-CN" if sheet.language == "zh" else "en"}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title><style>{style}</style></head>\n'
        f'<body><header><h1>{title}</h1><p class="quiet">{escape(sheet.subtitle)}</p></header>\n<main>{_body(sheet.blocks)}</main>\n'
        f'<footer class="quiet">{escape(sheet.made)}</footer></body></html>\n'
    )


def _body(blocks: list[Block]) -> str:
    """Return all blocks; pictures that follow each other stand side by side."""
    made: list[str] = []
    for before, block in zip([None, *blocks], blocks, strict=False):
        if isinstance(block, Picture) and not isinstance(before, Picture):
            made.append('<div class="pictures">')
        if isinstance(before, Picture) and not isinstance(block, Picture):
            made.append("</div>")
        made.append(_html(block))
    return "\n".join([*made, "</div>"] if blocks and isinstance(blocks[-1], Picture) else made)


def _html(block: Block) -> str:
    match block:
        case Heading(text):
            return f"<h2>{escape(text)}</h2>"
        case Paragraph(text, look):
            return f'<p class="{look}">{escape(text)}</p>'
        case Stamp(outcome, word, detail):
            return f'<p class="stamp {outcome}"><b>{escape(word)}</b> <span>{escape(detail)}</span></p>'
        case Facts(rows):
            return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(value)}</dd>' for name, value in rows)}</dl>"
        case Table():
            return _table(block)
        case Bars(rows):
            return f'<table class="bars">{"".join(_bar(*row) for row in rows)}</table>'
        case Picture(png, caption, ratio):
            image = f'<img src="data:image/png;base64,{base64.b64encode(png).decode()}" alt="{escape(caption)}">'
            return f'<figure style="flex-basis:{ratio:.0%}">{image}<figcaption>{escape(caption)}</figcaption></figure>'


def _bar(name: str, share: float, told: str) -> str:
    bar = f'<i style="width:{share:.1%}"></i>'
    return f'<tr><td>{escape(name)}</td><td class="bar">{bar}</td><td class="number">{escape(told)}</td></tr>'


def _table(table: Table) -> str:
    def cells(row: tuple[str, ...], tag: str) -> str:
        return "".join(f"<{tag}{' class=number' if n in table.numbers else ''}>{escape(cell)}</{tag}>" for n, cell in enumerate(row))

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in table.rows)
    return f"<table><thead><tr>{cells(table.heads, 'th')}</tr></thead><tbody>{body}</tbody></table>"


def _text(name: str) -> str:
    return (files("inspector.reports") / name).read_text(encoding="utf-8")
