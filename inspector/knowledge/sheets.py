"""Rows of a spreadsheet, as a CSV file would give them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from inspector.errors import DataError

SUFFIXES = (".xlsx", ".xlsm")


def sheet_rows(path: Path, sheet: str | None = None) -> Iterator[tuple[int, list[str]]]:
    """Yield (row number, cells as text) of the rows that hold anything, of the first sheet or a named one. Raises DataError."""
    import zipfile

    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that nothing here reads
            book = load_workbook(path, read_only=True, data_only=True)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path=path) from error
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise DataError("is not a spreadsheet of Excel's .xlsx kind; save it as such, or as CSV", path=path) from error
    try:
        if sheet is not None and sheet not in book.sheetnames:
            raise DataError(f"has no sheet '{sheet}'; there are {', '.join(book.sheetnames)}", path=path)
        for number, row in enumerate((book[sheet] if sheet else book.worksheets[0]).iter_rows(values_only=True), start=1):
            cells = [_text(cell) for cell in row]
            if any(cells):
                yield number, cells
    finally:
        book.close()


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, (date, datetime)):
        return cell.isoformat()
    return str(cell).strip()
