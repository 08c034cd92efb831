"""Optional packages of the plant side: one line that says what to install where one is missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from inspector.errors import DriverError


def required(module: str, extra: str, channel: str) -> ModuleType:
    """Import `module`. Raises DriverError that names the extra to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        message = f"needs the package {module.partition('.')[0]}: pip install 'line-inspector[{extra}]'"
        raise DriverError(message, channel=channel) from error
