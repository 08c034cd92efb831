"""Knowledge packs: what one plant learnt about a type of machine, for another plant.

A pack is a folder, or a ZIP of one: `pack.yaml` (name, machine, description), `fixes.csv`, `cases.csv`. Who did something stays at home,
and the stations of the other plant are named after the pack, so that they are never taken for one's own.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inspector.errors import DataError, UsageError
from inspector.knowledge.seed import read_fixes, write_fixes
from inspector.knowledge.tables import CaseTable, read_cases, write_cases
from inspector.parts import Case, Fix

_FILES = ("pack.yaml", "fixes.csv", "cases.csv")
_MOST_BYTES = 2 * 1024**3
"""Of one file in a pack, unpacked: more is a bomb and no knowledge."""


class PackFile(BaseModel):
    """`pack.yaml`."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)
    machine: str = Field(min_length=1)
    description: str = ""


@dataclass(frozen=True, slots=True)
class Pack:
    """What a pack holds."""

    about: PackFile
    fixes: tuple[Fix, ...]
    table: CaseTable


def is_pack(path: Path) -> bool:
    """Say whether a path is, or is to become, a pack and no table."""
    return path.suffix.casefold() in (".zip", "") or path.is_dir()


def write_pack(path: Path, about: PackFile, fixes: Sequence[Fix], cases: Sequence[Case]) -> None:
    """Write a folder, or a ZIP where the path ends so. Raises UsageError when it cannot be written."""
    shared = [replace(case, who=None) for case in cases]
    if path.suffix.casefold() != ".zip":
        return _write_folder(path, about, fixes, shared)
    with tempfile.TemporaryDirectory() as folder:
        _write_folder(Path(folder), about, fixes, shared)
        try:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for name in _FILES:
                    archive.write(Path(folder) / name, name)
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


def read_pack(path: Path) -> Pack:
    """Read a pack. Raises DataError naming the file and the row; bad rows of its cases are in `table`."""
    with _unpacked(path) as folder:
        about = _about(folder / "pack.yaml", path)
        fixes = read_fixes(folder / "fixes.csv")
        table = read_cases(folder / "cases.csv")
    cases = tuple(_from_elsewhere(case, about.name) for case in table.cases)
    stations = {fix.station for fix in fixes if fix.station}
    general = [replace(fix, station=f"{about.name}:{fix.station}") if fix.station in stations else fix for fix in fixes]
    return Pack(about, tuple(general), replace(table, cases=cases))


def _from_elsewhere(case: Case, pack: str) -> Case:
    case_id = f"{pack}:{case.case_id}" if case.case_id else ""
    return replace(case, case_id=case_id, station=f"{pack}:{case.station}" if case.station else None)


def _write_folder(path: Path, about: PackFile, fixes: Sequence[Fix], cases: Sequence[Case]) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        (path / "pack.yaml").write_text(yaml.safe_dump(about.model_dump(), allow_unicode=True, sort_keys=False), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
    write_fixes(path / "fixes.csv", fixes)
    write_cases(path / "cases.csv", cases)


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                for name in _FILES:
                    if archive.getinfo(name).file_size > _MOST_BYTES:
                        raise DataError(f"{name} is larger than {_MOST_BYTES} bytes", path=path)
                    archive.extract(name, folder)
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror or error}", path=path) from error
        except KeyError as error:
            raise DataError(f"is no knowledge pack: it must hold {', '.join(_FILES)}", path=path) from error
        except zipfile.BadZipFile as error:
            raise DataError("is not a whole ZIP file", path=path) from error
        yield Path(folder)


def _about(file: Path, path: Path) -> PackFile:
    try:
        return PackFile.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise DataError(f"is no knowledge pack: pack.yaml cannot be read: {error.strerror}", path=path) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError("pack.yaml is not YAML", path=path) from error
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(f"pack.yaml: {'.'.join(map(str, first['loc'])) or 'content'}: {first['msg'].lower()}", path=path) from error
