"""What `inspector station check` does: tell every mistake of a file, then show what each device says."""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.commands.output import write_json
from inspector.config import load_station
from inspector.errors import UsageError
from inspector.mistakes import Mistake
from stations.checking import Finding, check_devices
from stations.model_check import check_model
from stations.proofreading import proofread
from stations.terminal_pictures import colours, curve_line, level_bar, picture_lines

if TYPE_CHECKING:
    from inspector.config import Station
    from stations.conformance import Survival

INDENT = " " * 7


def run_check(arguments: argparse.Namespace) -> int:
    """Check the file, then read every device for a while; return 2 where either is not well."""
    mistakes = proofread(arguments.file)
    if mistakes:
        return _tell_mistakes(mistakes, arguments)
    station = load_station(arguments.file)
    quiet = arguments.json == "-"
    if not quiet:
        print(f"{arguments.file}: station {station.station} is valid ({station.maturity})", flush=True)
    findings = check_devices(station, arguments.file, arguments.seconds, on_waiting=_tell_waiting)
    if not quiet:
        for finding in findings:
            print("\n".join(_lines(finding)))
    pictures = _save_pictures(findings, arguments.pictures) if arguments.pictures else {}
    fit = check_model(arguments.model, station) if arguments.model else None
    if fit is not None and not quiet:
        print(f"  {'FAIL' if not fit.ok else 'ok  ' if fit.kept else 'warn'} {'model':20} {fit.name:20} {fit.words}")
    well = all(finding.ok for finding in findings) and (fit is None or fit.ok)
    survivals = _break_devices(station, arguments) if arguments.faults is not None and well else []
    if arguments.json:
        devices = {finding.name: _document(finding) for finding in findings}
        for name, path in pictures.items():
            devices[name]["picture"] = str(path)
        document = {"station": station.station, "ok": well, "devices": devices} | ({"model": asdict(fit)} if fit else {})
        write_json(arguments.json, document | ({"faults": [asdict(one) for one in survivals]} if survivals else {}))
    return 0 if well and all(one.passed for one in survivals) else 2


def _tell_mistakes(mistakes: list[Mistake], arguments: argparse.Namespace) -> int:
    for one in mistakes:
        print(f"{arguments.file}, {one}" if one.key else f"{arguments.file}: {one}", file=sys.stderr)
    if arguments.json:
        told = [{"key": one.key, "line": one.line, "says": one.says} for one in mistakes]
        write_json(arguments.json, {"station": None, "ok": False, "devices": {}, "mistakes": told})
    return 2


def _tell_waiting(names: list[str]) -> None:
    if sys.stderr.isatty():
        print(f"still waiting for {', '.join(names)} …", file=sys.stderr, flush=True)


def _lines(finding: Finding) -> list[str]:
    """Return what a person reads of one device; on a terminal with a picture or a level of it."""
    told, mark = finding.told, "FAIL" if not finding.ok else "warn" if finding.told.warnings else "ok  "
    lines = [f"  {mark} {finding.name:20} {finding.driver:20} {told.words}"]
    lines += [f"{INDENT}! {warning}" for warning in told.warnings]
    if not sys.stdout.isatty():
        return lines
    palette = colours()
    if told.picture is not None and palette:
        wide = min(48, shutil.get_terminal_size().columns - len(INDENT))
        lines += [INDENT + line for line in picture_lines(told.picture, palette, wide)]
    if "level_dbfs" in told.measured:
        lines.append(INDENT + level_bar(told.measured["level_dbfs"], told.measured["peak_dbfs"]))
    elif len(told.curve) > 1:
        lines.append(INDENT + curve_line(told.curve))
    return lines


def _document(finding: Finding) -> dict[str, Any]:
    told = finding.told
    facts = {"driver": finding.driver, "ok": finding.ok, "readings": finding.readings, "says": told.words}
    return facts | {"warnings": list(told.warnings), "measured": told.measured}


def _save_pictures(findings: list[Finding], folder: Path) -> dict[str, Path]:
    import cv2

    saved = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for finding in findings:
            if (pixels := finding.told.picture) is not None:
                path = folder / f"{finding.name}.png"
                path.write_bytes(cv2.imencode(".png", pixels[:, :, ::-1] if pixels.ndim == 3 else pixels)[1].tobytes())
                saved[finding.name] = path
    except OSError as error:
        raise UsageError(f"--pictures {folder}: cannot be written: {error.strerror}") from error
    return saved


def _break_devices(station: Station, arguments: argparse.Namespace) -> list[Survival]:
    from stations.conformance import badge, check_faults

    quiet = arguments.json == "-"
    tell = {} if quiet else {"on_checked": partial(print, flush=True)}
    survivals = check_faults(station, arguments.file, arguments.faults or None, **tell)
    if not quiet:
        print("\n".join(badge(survivals)))
    return survivals
