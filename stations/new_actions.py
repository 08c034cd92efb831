"""What `inspector station new` and `find` do: look what is there, ask or take flags, and write a station file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from inspector.commands.output import write_json
from inspector.drivers import TriggerSource, VerdictSink
from inspector.errors import UsageError
from inspector.parts import Modality
from inspector.plugins import load_driver
from stations.drafting import FOUND, TIMER, channel_of, checked, free_name, parsed
from stations.finding import Search, find_devices
from stations.station_draft import ChannelDraft, DeviceDraft, StationDraft, checked_name, station_text
from stations.template import station_template
from stations.wizard import Wizard

FLAGS: dict[str, Modality | None] = {
    "camera": "image",
    "microphone": "audio",
    "vibration": "vibration",
    "series": "series",
    "channel": None,
}


def run_new(arguments: argparse.Namespace) -> int:
    """Write a station file: by flags, by questions on a terminal, else one that is simulated."""
    name = checked_name(arguments.name)
    path = arguments.out or Path(f"{name}.yaml")
    if path.exists():
        raise UsageError(f"{path}: exists already, choose another name or --out")
    draft = _draft(name, arguments)
    _write(path, station_text(draft) if draft else station_template(name))
    missing = draft.open_keys if draft else []
    if missing:
        print(f"{path}: fill in {', '.join(missing)}, then 'inspector station check {path}'")
    else:
        print(f"{path}: edit it, then 'inspector station check {path}'")
    return 0


def run_find(arguments: argparse.Namespace) -> int:
    """Name the devices that are there, by driver."""
    searches = find_devices()
    if arguments.json != "-":
        _tell(searches)
    if arguments.json:
        found = [{"driver": one.driver, "title": item.title, "settings": item.settings} for one in searches for item in one.found]
        failed = {one.driver: one.failed for one in searches if one.failed}
        write_json(arguments.json, {"found": found, "looked": [one.driver for one in searches], "failed": failed})
    return 0


def _draft(name: str, arguments: argparse.Namespace) -> StationDraft | None:
    """Return what was chosen; None for the simulated template."""
    wishes = [(modality, text) for flag, modality in FLAGS.items() for text in getattr(arguments, flag) or []]
    chosen = wishes or arguments.trigger or arguments.sink or arguments.title or arguments.title_zh or arguments.product
    if not chosen and (arguments.simulated or not (sys.stdin.isatty() and sys.stdout.isatty())):
        return None
    if arguments.simulated:
        raise UsageError("--simulated goes with no other choice; edit the file that it writes")
    if not chosen:
        print("looking for devices …", flush=True)
        searches = find_devices()
        _tell_failed(searches)
        return Wizard(searches).draft(name)
    return _draft_by_flags(name, wishes, arguments)


def _draft_by_flags(name: str, wishes: list[tuple[Modality | None, str]], arguments: argparse.Namespace) -> StationDraft:
    if not wishes:
        raise UsageError("a station needs a channel: --camera, --microphone, --vibration, --series or --channel")
    searches = find_devices() if any(parsed(text)[1].driver == FOUND for _, text in wishes) else []
    channels: dict[str, ChannelDraft] = {}
    for modality, text in wishes:
        channel, draft = channel_of(text, modality, searches, channels)
        if channel in channels:
            raise UsageError(f"two channels are called '{channel}'")
        channels[channel] = draft
    for channel, unit in _pairs(arguments.unit or [], "--unit"):
        if channel not in channels:
            raise UsageError(f"--unit {channel}: there is no such channel, but {', '.join(channels)}")
        channels[channel] = ChannelDraft(channels[channel].modality, channels[channel].device, unit)
    trigger = checked(parsed(arguments.trigger)[1], TriggerSource) if arguments.trigger else TIMER
    sinks = _sinks(arguments.sink or ["log-sink"])
    return StationDraft(name, channels, trigger, sinks, arguments.title or "", arguments.title_zh or "", arguments.product or "")


def _sinks(texts: Iterable[str]) -> dict[str, DeviceDraft]:
    sinks: dict[str, DeviceDraft] = {}
    for text in texts:
        name, device = parsed(text)
        sinks[name or free_name(device.driver.removesuffix("-sink"), sinks)] = checked(device, VerdictSink)
    return sinks


def _pairs(texts: Iterable[str], flag: str) -> list[tuple[str, str]]:
    pairs = [tuple(text.split("=", 1)) for text in texts]
    if wrong := [pair for pair in pairs if len(pair) != 2]:
        raise UsageError(f"{flag} {wrong[0][0]}: write CHANNEL=UNIT")
    return [(pair[0], pair[1]) for pair in pairs]


def _write(path: Path, text: str) -> None:
    """Write the file whole or not at all, and never over another one."""
    try:
        with path.open("x", encoding="utf-8") as file:
            try:
                file.write(text)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
    except FileExistsError as error:
        raise UsageError(f"{path}: exists already, choose another name or --out") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


def _tell(searches: list[Search]) -> None:
    found = [(search.driver, item) for search in searches for item in search.found]
    for driver, item in found:
        settings = ",".join(f"{key}={value}" for key, value in item.settings.items())
        print(f"{load_driver(driver).__mro__[1].__name__:14} {item.title}  {driver}" + (f":{settings}" if settings else ""))
    looked = ", ".join(search.driver for search in searches if not search.failed)
    if not found:
        print(f"nothing was found; looked for {looked or 'nothing, as no installed driver can look'}")
    _tell_failed(searches)


def _tell_failed(searches: list[Search]) -> None:
    for search in searches:
        if search.failed:
            print(f"{search.driver}: {search.failed}", file=sys.stderr)
