"""GenTL, through which makers' software offers cameras to others' programs: its producers, and how harvesters reads them."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from inspector.errors import DriverError
from stations.protocols.extras import required
from stations.protocols.genicam import ON_OFF, Features, Refused, Value

chatter = logging.getLogger(__name__ + ".harvesters")
"""Harvesters tells of each failure with its whole trace, before it raises it: silent, unless someone gives this logger a level."""
chatter.setLevel(logging.CRITICAL)

PRODUCERS = "GENICAM_GENTL64_PATH"
"""Where the makers' software tells other programs of its producers."""
POLL_MS = 10


class GentlFeatures(Features):
    """The features of a camera that harvesters has opened."""

    def __init__(self, node_map: Any, title: str) -> None:
        from genicam import genapi

        self.device = title
        self._nodes = node_map
        self._genapi = genapi

    def has(self, name: str) -> bool:
        access = self._genapi.EAccessMode
        return bool(self._nodes.has_node(name)) and self._nodes.get_node(name).get_access_mode() in (access.RO, access.RW, access.WO)

    def get(self, name: str) -> Value:
        node = self._node(name)
        try:
            value: Value = node.value
        except Exception as error:
            raise Refused(said(error)) from error
        return value

    def set(self, name: str, value: Value) -> None:
        node = self._node(name)
        try:
            if isinstance(node, self._genapi.ICommand):
                if value:
                    node.execute()
            elif isinstance(node, self._genapi.IEnumeration) and isinstance(value, bool):
                node.value = ON_OFF[value]
            elif isinstance(node, self._genapi.IInteger) and isinstance(value, float) and value.is_integer():
                node.value = int(value)
            else:
                node.value = value
        except Exception as error:
            raise Refused(said(error)) from error

    def choices(self, name: str) -> tuple[str, ...]:
        node = self._nodes.get_node(name) if self.has(name) else None
        return tuple(node.symbolics) if isinstance(node, self._genapi.IEnumeration) else ()

    def _node(self, name: str) -> Any:
        if not self._nodes.has_node(name):
            raise Refused("the camera has no such feature")
        return self._nodes.get_node(name)


def harvesters(channel: str) -> ModuleType:
    """Return harvesters. Raises DriverError that says what to install."""
    try:
        return required("harvesters.core", "genicam", channel)
    except DriverError as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise
        library = f"libpython{sys.version_info.major}.{sys.version_info.minor}"  # its reference implementation is linked to it
        raise DriverError(
            f"the package genicam cannot be loaded ({error.__cause__}): on Debian apt install {library}", channel=channel
        ) from error


def producers(chosen: Path | None, channel: str) -> list[Path]:
    """Return the .cti files to load. Raises DriverError where there is none."""
    if chosen is not None:
        if not chosen.is_file():
            raise DriverError(f"{chosen}: does not exist, correct the setting producer", channel=channel)
        return [chosen]
    places = [Path(place) for place in os.environ.get(PRODUCERS, "").split(os.pathsep) if place]
    paths = [path for place in places for path in (sorted(place.glob("*.cti")) if place.is_dir() else [place]) if path.is_file()]
    if not paths:
        raise DriverError(
            f"no GenTL producer is known: install the camera maker's software, which sets {PRODUCERS}, or set producer to its .cti file",
            channel=channel,
        )
    return list(dict.fromkeys(paths))


def searched(core: ModuleType, paths: list[Path], search_ms: int = 1000) -> Any:
    """Return a harvester that has searched for cameras through these producers."""
    key = core.ParameterKey
    harvester = core.Harvester(config=core.ParameterSet({key.LOGGER: chatter, key.TIMEOUT_PERIOD_ON_MODULE_ENUMERATION: search_ms}))
    for path in paths:
        harvester.add_file(str(path))
    harvester.update()
    return harvester


def refusal_of(path: Path) -> str | None:
    """Return why a producer that is not loaded cannot be; None where it can."""
    from genicam.gentl import GenTLProducer

    producer = GenTLProducer.create_producer()
    try:
        producer.open(str(path))
        producer.close()
    except Exception as error:  # noqa: BLE001  the package's exceptions have no common root
        return said(error)
    return None


def opened(core: ModuleType, harvester: Any, number: int) -> Any:
    """Open a camera. Harvesters takes Ctrl-C for itself while it does so on the main thread: it is given back."""
    key = core.ParameterKey
    config = core.ParameterSet({key.ENABLE_AUTO_CHUNK_DATA_UPDATE: False, key.TIMEOUT_PERIOD_ON_UPDATE_EVENT_DATA_CALL: POLL_MS})
    on_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if on_main else None
    try:
        return harvester.create(number, config=config)
    finally:
        if handler is not None:
            signal.signal(signal.SIGINT, handler)


def calls(core: ModuleType, note: Callable[[], None]) -> Any:
    """Return what harvesters wants to be given in place of a function: an object of a class of its own."""
    return type("Calls", (core.Callback,), {"emit": lambda _self, context=None: note()})()  # noqa: ARG005


def names_of(info: Any) -> list[str]:
    found = (info_of(info, name) for name in ("serial_number", "id_", "user_defined_name"))
    return [str(name) for name in found if name]


def title_of(info: Any) -> str:
    words = (info_of(info, name) for name in ("vendor", "model", "serial_number"))
    return " ".join(str(word) for word in words if word)


def info_of(module: Any, name: str) -> Any:
    """Return what a module of a producer says of itself; None where it does not know."""
    try:
        return getattr(module, name)
    except Exception:  # noqa: BLE001  what a producer does not know it raises, each in its way
        return None


def said(error: Exception) -> str:
    """Return the first line of what a producer or the GenICam library raised, without the place in its source."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return re.split(r"\s*:\s*\w+Exception thrown", line)[0].strip().rstrip(".")
