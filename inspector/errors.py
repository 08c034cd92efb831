"""Every error that this project raises on purpose, in one tree.

    InspectorError
    ├── UsageError        a command was called wrongly
    ├── ConfigError       a station, recipe or catalogue file is wrong (path, key)
    ├── DataError         a labelled parts folder or one of its files is wrong (path, row)
    ├── DriverError       a device failed (station, channel)
    │   └── EndOfStream   a recorded source has nothing left: the normal end, not a fault
    ├── AlignmentError    channels of a part cannot be put on one clock
    ├── ModelError        an artefact is missing, damaged or does not fit
    ├── RecordingError    a recording is missing, damaged or truncated
    ├── StoreError        the database cannot be opened, read or written
    └── AccessError       somebody may not do this, or is not who they say they are

A message says what, where and what to do; lower case, no full stop. The command line prints it as one line and exits with 2.
A bad *part* is never an error: it is a `Verdict`.
"""

from __future__ import annotations

from pathlib import Path


class InspectorError(Exception):
    """Root of all errors that are the user's to mend."""


class UsageError(InspectorError):
    """A command was called with arguments that cannot work."""


class ConfigError(InspectorError):
    """A file that a person wrote has a mistake; `key` is the dotted place in it."""

    def __init__(self, message: str, *, path: Path | str | None = None, key: str | None = None) -> None:
        super().__init__(_located(message, path, key))
        self.path, self.key = path, key


class DataError(InspectorError):
    """Labelled data is wrong; `row` is the line number in `path`, the header being line 1."""

    def __init__(self, message: str, *, path: Path | str | None = None, row: int | None = None) -> None:
        super().__init__(_located(message, path, None if row is None else f"row {row}"))
        self.path, self.row = path, row


class DriverError(InspectorError):
    """A device could not be opened or read."""

    def __init__(self, message: str, *, station: str | None = None, channel: str | None = None) -> None:
        super().__init__(_located(message, station, channel))
        self.station, self.channel = station, channel


class EndOfStream(DriverError):  # noqa: N818  an end, not an error
    """A file or a finished simulation has no more data."""


class AlignmentError(InspectorError):
    """The channels of a part cannot be placed on one clock."""


class ModelError(InspectorError):
    """An artefact is not there, not whole, or not made for this use."""


class RecordingError(InspectorError):
    """A recording cannot be read or written."""


class StoreError(InspectorError):
    """The database of an installation cannot be used."""


class AccessError(InspectorError):
    """Somebody may not do what they asked for, or could not show who they are."""


def _located(message: str, place: Path | str | None, detail: str | None) -> str:
    where = ", ".join(str(part) for part in (place, detail) if part is not None)
    return f"{where}: {message}" if where else message
