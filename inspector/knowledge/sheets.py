"""The rows of a table that a plant exports: CSV in whatever encoding, or a sheet of an XLSX workbook. Everything comes as text."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from inspector.errors import DataError, UsageError

Row = tuple[int, list[str]]
"""Line or row number in the file, counted from 1, and the cells."""

WORKBOOKS = (".xlsx", ".xlsm")
_FOREIGN = (".xls", ".ods", ".numbers")
_MOST_UNPACKED_BYTES = 256_000_000
"""Of a workbook: a million rows of cases are about a third of that."""


def rows(path: Path, encoding: str = "utf-8-sig", sheet: str | None = None) -> Iterator[Row]:
    """Yield the rows that hold anything. Raises DataError, and UsageError for an unknown encoding or sheet."""
    suffix = path.suffix.casefold()
    if suffix in _FOREIGN:
        raise UsageError(f"{path}: cannot be read as it is; save it as XLSX or as CSV (UTF-8) and import that")
    if suffix in WORKBOOKS:
        return _of_workbook(path, sheet)
    if sheet is not None:
        raise UsageError(f"--sheet {sheet}: {path} is no workbook")
    return _of_csv(path, encoding)


def _of_workbook(path: Path, sheet: str | None) -> Iterator[Row]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        _refuse_bomb(path)
        book = load_workbook(path, read_only=True, data_only=True)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path=path) from error
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise DataError("is not an XLSX workbook; save it again from the spreadsheet program", path=path) from error
    try:
        if sheet is not None and sheet not in book.sheetnames:
            raise UsageError(f"--sheet {sheet}: {path} has no such sheet; it has {', '.join(book.sheetnames)}")
        page = book[sheet] if sheet is not None else book.worksheets[0]
        width = 0
        for number, cells in enumerate(page.iter_rows(values_only=True), start=1):
            texts = [_text_of(cell) for cell in cells]
            if not any(texts):
                continue
            # Formatted but empty columns at the right are no columns; a title above the headings may be narrower than they are.
            filled = max(at for at, text in enumerate(texts, start=1) if text)
            width = max(width, filled)
            yield number, [*texts[:filled], *[""] * (width - filled)]
    finally:
        book.close()


def _refuse_bomb(path: Path) -> None:
    """Refuse a workbook that unpacks to more than any table of cases is. Raises DataError, OSError, BadZipFile."""
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > _MOST_UNPACKED_BYTES:
        raise DataError(f"unpacks to {unpacked / 1e6:.0f} MB, more than the {_MOST_UNPACKED_BYTES / 1e6:.0f} MB that are read", path=path)


def _text_of(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell).strip()


def _of_csv(path: Path, encoding: str) -> Iterator[Row]:
    text = _text(path, encoding)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    while True:
        row = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"is not a CSV file from here on: {error}", path=path, row=row) from error
        if any(cell.strip() for cell in cells):
            yield row, cells


def _text(path: Path, encoding: str) -> str:
    try:
        return path.read_bytes().decode(encoding)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", path=path) from error
    except LookupError as error:
        raise UsageError(f"--encoding '{encoding}': there is no such encoding; use e.g. utf-8, gb18030, cp1252") from error
    except UnicodeDecodeError as error:
        row = error.object[: error.start].count(b"\n") + 1
        raise DataError(f"is not text in {encoding}; name another with --encoding, e.g. gb18030 or cp1252", path=path, row=row) from error


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)
