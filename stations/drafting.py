"""A station draft from words: the flags of `inspector station new`, and what is typed where it asks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from inspector.drivers import Camera, Driver, SeriesSource, TriggerSource, VerdictSink, WaveformSource
from inspector.errors import ConfigError, UsageError
from inspector.mistakes import mistakes_in
from inspector.parts import Modality
from inspector.plugins import load_driver
from stations.devices import PROMISE_OF
from stations.finding import Search
from stations.station_draft import ChannelDraft, DeviceDraft

FOUND = "found"
"""Instead of a driver: the first device of the kind that is found."""
FIRST_NAMES: dict[Modality, str] = {"image": "camera", "audio": "microphone", "vibration": "vibration", "series": "sensor"}
UNITS: dict[Modality, str] = {"image": "", "audio": "FS", "vibration": "m/s2", "series": ""}
TIMER = DeviceDraft("timer", {"interval_s": 1.0})
_LINE = {"seed": 1, "interval_s": 0.5}
SIMULATED: dict[Modality, tuple[str, ChannelDraft]] = {
    "image": ("camera", ChannelDraft("image", DeviceDraft("simulated-camera", _LINE))),
    "audio": ("microphone", ChannelDraft("audio", DeviceDraft("simulated-waveform", _LINE), "FS")),
    "series": ("motor_current", ChannelDraft("series", DeviceDraft("simulated-series", _LINE), "A")),
}
SIMULATED_TRIGGER = DeviceDraft("simulated-trigger", _LINE)


def parsed(text: str) -> tuple[str, DeviceDraft]:
    """Return name ("" where none is given) and device of `[NAME=]DRIVER[:KEY=VALUE,...]`. Raises UsageError.

    A value is YAML, or text where the driver wants text; a comma belongs to it unless a key follows.
    """
    head, _, rest = text.partition(":")
    name, _, driver = head.rpartition("=")
    settings: dict[str, Any] = {}
    for pair in re.split(r",(?=[A-Za-z_]\w*=)", rest) if rest else []:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"'{pair}' in '{text}': write KEY=VALUE, as in timer:interval_s=0.5,prefix=plate-")
        settings[key.strip()] = typed(driver.strip(), key.strip(), value)
    return name.strip(), DeviceDraft(driver.strip(), settings)


def typed(driver: str, key: str, text: str) -> Any:
    """Return what a person typed for a setting: what it means in YAML, or the text itself where the driver wants text."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    try:
        field = load_driver(driver).Settings.model_fields.get(key)
    except ConfigError:  # told where the driver is looked at
        return value
    return text if field and not _fits(field, value) and _fits(field, text) else value


def _fits(field: FieldInfo, value: Any) -> bool:
    kind: Any = field.annotation
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


def checked(device: DeviceDraft, promise: type[Driver], only: str | None = None) -> DeviceDraft:
    """Return the device. Raises UsageError where the driver is unknown, is none for this place, or does not take what was set.

    With `only`, a setting, nothing is said of the others: they come later.
    """
    try:
        driver = load_driver(device.driver)
    except ConfigError as error:
        raise UsageError(str(error).removeprefix("driver: ")) from error
    if not issubclass(driver, promise):
        raise UsageError(f"'{device.driver}' is no {promise.__name__}, which this place needs")
    try:
        driver.Settings.model_validate(dict(device.settings))
    except ValidationError as error:
        wrong = [one for one in mistakes_in(error, driver.Settings, device.settings) if one.key not in device.open_settings]
        wrong = [one for one in wrong if only is None or one.key.partition(".")[0] == only]
        if wrong:
            raise UsageError(f"{device.driver}: {'; '.join(map(str, wrong))}") from error
    return device


def channel_of(
    text: str, modality: Modality | None, searches: Iterable[Search], taken: Mapping[str, ChannelDraft]
) -> tuple[str, ChannelDraft]:
    """Return name and draft of a channel from a flag.

    Args:
        text: `[NAME=]DRIVER[:KEY=VALUE,...]`, or `[NAME=]found` for the first device that was found and is free.
        modality: as the flag says; None where the driver and the name have to tell.
        searches: what was found.
        taken: the other channels.
    """
    name, device = parsed(text)
    if device.driver == FOUND:
        device = _first_found(modality or "image", searches, taken)
    device = checked(device, PROMISE_OF[modality] if modality else Driver)
    modality = modality or modality_of(device, name)
    return name or free_name(FIRST_NAMES[modality], taken), ChannelDraft(modality, device, UNITS[modality])


def modality_of(device: DeviceDraft, name: str) -> Modality:
    """Return what a channel is by the promise of its driver; a waveform is sound unless its name speaks of vibration."""
    driver = load_driver(device.driver)
    if issubclass(driver, Camera):
        return "image"
    if issubclass(driver, SeriesSource):
        return "series"
    if issubclass(driver, WaveformSource):
        return "vibration" if re.search("vib|accel", name.lower()) else "audio"
    place = "--trigger" if issubclass(driver, TriggerSource) else "--sink" if issubclass(driver, VerdictSink) else "another place"
    raise UsageError(f"'{device.driver}' delivers no signals, it belongs to {place}")


def free_name(wish: str, taken: Iterable[str]) -> str:
    """Return `wish`, or with a number behind it where that is taken."""
    names = set(taken)
    return next(name for name in (wish, *(f"{wish}_{number}" for number in range(2, len(names) + 3))) if name not in names)


def found_for(promise: type[Driver], searches: Iterable[Search]) -> list[tuple[str, DeviceDraft]]:
    """Return title and device of all that was found for a place."""
    return [
        (found.title, DeviceDraft(search.driver, found.settings))
        for search in searches
        if search.found and issubclass(load_driver(search.driver), promise)
        for found in search.found
    ]


def _first_found(modality: Modality, searches: Iterable[Search], taken: Mapping[str, ChannelDraft]) -> DeviceDraft:
    used = [channel.device for channel in taken.values()]
    there = [device for _, device in found_for(PROMISE_OF[modality], searches) if device not in used]
    if not there:
        other = "other " if used else ""
        raise UsageError(f"no {other}{FIRST_NAMES[modality]} was found; name a driver instead, or see 'inspector station find'")
    return there[0]
