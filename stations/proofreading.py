"""Every mistake of a station file at once, with its key and line: of its YAML, of its keys, and of its drivers' settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from inspector.clock import SteppedClock
from inspector.config import PLC, Station, read_yaml
from inspector.drivers import Driver, TriggerSource, VerdictSink
from inspector.errors import ConfigError
from inspector.mistakes import Mistake, mistakes_in, placed
from inspector.parts import MODALITIES
from stations.devices import PROMISE_OF, DriverBuilder


def proofread(path: Path) -> list[Mistake]:
    """Return what is wrong with a station file, in the order of its lines; nothing where it can be run."""
    try:
        content = read_yaml(path)
    except ConfigError as error:
        return [_of_the_yaml(error, path)]
    return placed([*_of_the_keys(content), *_of_the_drivers(content, path)], path.read_text(encoding="utf-8"))


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
