"""Every mistake of a station file at once, with its key and line: of its YAML, of its keys, and of its drivers' settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from inspector.clock import SteppedClock
from inspector.config import PLC, Station, read_yaml
from inspector.drivers import Driver, TriggerSource, VerdictSink
from inspector.errors import ConfigError
from inspector.mistakes import Mistake, mistakes_in
from inspector.parts import MODALITIES
from stations.devices import PROMISE_OF, DriverBuilder

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Key = tuple[str, ...]


def proofread(path: Path) -> list[Mistake]:
    """Return what is wrong with a station file, in the order of its lines; nothing where it can be run."""
    try:
        content = read_yaml(path)
    except ConfigError as error:
        return [_of_the_yaml(error, path)]
    nodes = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
    lines = dict(_lines(nodes, (), set()))
    found = [*_repeated(nodes, (), set()), *_of_the_keys(content), *_of_the_drivers(content, path)]
    placed = (Mistake(one.key, one.says, one.line or _line_of(one.key, lines)) for one in found)
    return sorted(placed, key=lambda one: one.line or 0)


def _of_the_yaml(error: ConfigError, path: Path) -> Mistake:
    cause = error.__cause__
    if isinstance(cause, yaml.MarkedYAMLError) and cause.problem_mark is not None:
        says = ", ".join(part for part in (cause.context, cause.problem) if part)
        return Mistake("", f"is not valid YAML: {says}", cause.problem_mark.line + 1)
    return Mistake("", str(error).removeprefix(f"{path}: "))


def _of_the_keys(content: dict[str, Any]) -> list[Mistake]:
    try:
        Station.model_validate(content)
    except ValidationError as error:
        return mistakes_in(error, Station, content)
    return []


def _of_the_drivers(content: dict[str, Any], path: Path) -> list[Mistake]:
    """Look at each driver by itself, as far as the file can be read, whatever is wrong elsewhere."""
    builder = DriverBuilder(SteppedClock(), path)
    channels = _mapping(content.get("channels"))
    from_plc = _mapping(content.get("trigger")).get("driver") == PLC
    trigger = None if from_plc else _build(builder, "trigger", content.get("trigger"), TriggerSource)
    _build(builder, "plc", content.get("plc"), PROMISE_OF["plc"])
    for name, config in channels.items():
        modality = _mapping(config).get("modality")
        _build(builder, f"channels.{name}", config, PROMISE_OF[modality] if modality in MODALITIES else Driver, str(name))
    for name, config in _mapping(content.get("sinks")).items():
        _build(builder, f"sinks.{name}", config, VerdictSink)
    if isinstance(trigger, TriggerSource):
        builder.check_watched(trigger, map(str, channels))
    return builder.mistakes


def _build(builder: DriverBuilder, key: str, config: Any, promise: type[Driver], channel: str = "") -> Driver | None:
    driver, settings = _mapping(config).get("driver"), _mapping(config).get("settings", {})
    if isinstance(driver, str) and isinstance(settings, dict):  # else the keys are wrong already
        return builder.build(key, driver, settings, promise, channel)
    return None


def _mapping(content: Any) -> dict[str, Any]:
    return content if isinstance(content, dict) else {}


# --- lines of the file ---------------------------------------------------------------------------------------------------------


def _lines(node: Any, place: Key, seen: set[int]) -> Iterator[tuple[Key, int]]:
    """Yield each key's place and the line on which it stands; what is used again by its anchor (`*name`) only once."""
    if id(node) in seen:
        return
    seen.add(id(node))
    inner: list[tuple[Key, Any, Any]] = []
    if isinstance(node, yaml.MappingNode):
        inner = [((*place, str(key.value)), key, value) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        inner = [((*place, str(number)), value, value) for number, value in enumerate(node.value)]
    for where, mark, value in inner:
        yield where, mark.start_mark.line + 1
        yield from _lines(value, where, seen)


def _repeated(node: Any, place: Key, seen: set[int]) -> Iterator[Mistake]:
    """Yield the keys that are given twice: YAML takes the last one without a word."""
    if not isinstance(node, yaml.MappingNode) or id(node) in seen:
        return
    seen.add(id(node))
    first: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in first:
            yield Mistake(".".join((*place, name)), f"is given twice, first on line {first[name]}; take one away", line)
        first.setdefault(name, line)
        yield from _repeated(value, (*place, name), seen)


def _line_of(dotted: str, lines: dict[Key, int]) -> int | None:
    """Return the line of a key, or of the nearest one above it that the file has."""
    place = tuple(dotted.split("."))
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place)
