"""Aravis, the free library for GigE Vision cameras: where its Python bindings are found, and how its failures read.

The bindings (PyGObject) come from the operating system, which keeps them outside of a virtual environment.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any

from inspector.errors import DriverError
from stations.protocols.genicam import ON_OFF, Features, Refused, Value

SYSTEM_PACKAGES = (Path("/usr/lib/python3/dist-packages"), Path(f"/usr/lib64/python3.{sys.version_info.minor}/site-packages"))
"""Where Debian and Fedora keep Python packages that came with the system."""
INSTALL = "apt install gir1.2-aravis-0.8 python3-gi, and for a Python of another version than the system's also pip install PyGObject"

GVCP_PORT = 3956
ANSWER_S = 0.2
"""How long a sign of life may take; cameras answer within a few ms."""


def aravis(channel: str) -> Any:
    """Return the library. Raises DriverError that says what to install."""
    try:
        if not any(isinstance(finder, SystemBindings) for finder in sys.meta_path):
            sys.meta_path.append(SystemBindings())  # last, so that it is asked only where this Python has no gi of its own
        import gi

        gi.require_version("Aravis", "0.8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)  # PyGObject before 3.44 imports in the old way
            from gi.repository import Aravis
    except (ImportError, ValueError) as error:
        raise DriverError(f"needs Aravis 0.8 ({error}): {INSTALL}", channel=channel) from error
    return Aravis


class SystemBindings(MetaPathFinder):
    """Finds `gi`, and nothing else, among the system's packages, if it was built for this Python."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002
        if fullname != "gi":
            return None
        built_for_this = f"_gi{sysconfig.get_config_var('EXT_SUFFIX')}"
        for folder in SYSTEM_PACKAGES:
            package = folder / "gi"
            if (package / built_for_this).exists():
                return spec_from_file_location("gi", package / "__init__.py", submodule_search_locations=[str(package)])
        return None


@dataclass(frozen=True, slots=True)
class Listed:
    """A camera that answers in the network."""

    title: str
    address: str
    serial: str
    id: str


def cameras(library: Any) -> list[Listed]:
    """Search all networks of this computer for GigE Vision cameras; takes a second."""
    library.update_device_list()
    found = []
    for k in range(library.get_n_devices()):
        if library.get_device_protocol(k) == "GigEVision":
            address, serial = library.get_device_address(k), library.get_device_serial_nbr(k) or ""
            title = f"{library.get_device_vendor(k)} {library.get_device_model(k)} {serial}".strip()
            found.append(Listed(f"{title} at {address}", address, serial, library.get_device_id(k)))
    return found


def message(error: Exception) -> str:
    """Return what Aravis says of a failure, without its own codes."""
    return str(getattr(error, "message", error))


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Turn what Aravis raises into `Refused`."""
    try:
        yield
    except RuntimeError as error:  # GLib.Error is one
        raise Refused(message(error)) from error


class AravisFeatures(Features):
    """The features of a camera that Aravis has opened."""

    def __init__(self, library: Any, device: Any, title: str) -> None:
        self.device = title
        self._library = library
        self._device = device
        device.set_range_check_policy(library.RangeCheckPolicy.ENABLE)
        device.set_access_check_policy(library.AccessCheckPolicy.ENABLE)

    def has(self, name: str) -> bool:
        try:
            node = self._device.get_feature(name)
            return isinstance(node, self._library.GcFeatureNode) and bool(node.is_available())
        except RuntimeError:
            return False

    def get(self, name: str) -> Value:
        with refusals():
            return str(self._node(name).get_value_as_string())

    def set(self, name: str, value: Value) -> None:
        node = self._node(name)
        with refusals():
            if isinstance(node, self._library.GcCommand):
                if value:
                    self._device.execute_command(name)
                return
            node.set_value_from_string(self._text(node, value))

    def choices(self, name: str) -> tuple[str, ...]:
        node = self._device.get_feature(name)
        if not isinstance(node, self._library.GcEnumeration):
            return ()
        with refusals():
            return tuple(node.dup_available_string_values())

    def execute(self, name: str) -> None:
        self.set(name, True)

    def let_go(self) -> None:
        """Forget the camera: it is released only when nobody holds it any more."""
        self._device = None

    def _node(self, name: str) -> Any:
        if self._device is None:
            raise Refused("the camera is closed")
        node = self._device.get_feature(name)
        if not isinstance(node, self._library.GcFeatureNode):
            raise Refused("the camera has no such feature")
        return node

    def _text(self, node: Any, value: Value) -> str:
        if isinstance(value, bool):
            return ON_OFF[value] if isinstance(node, self._library.GcEnumeration) else str(value).lower()
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def answers(address: str) -> bool:
    """Say whether a GigE Vision camera at `address` answers, by the question that any camera answers to anybody.

    Aravis itself notices a dead camera after 5 s only, and its own questions block for as long as that.
    """
    question = struct.pack(">BBHHH", 0x42, 0x01, 0x0002, 0, 1)  # key, answer wanted; DISCOVERY_CMD; no data; number of the question
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(ANSWER_S)
        try:
            asking.connect((address, GVCP_PORT))
            asking.send(question)
            return len(asking.recv(1024)) > 8
        except OSError:
            return False
