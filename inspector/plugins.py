"""Entry-point names to driver classes. The only module that knows importlib.metadata."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from inspector.errors import ConfigError

if TYPE_CHECKING:
    from inspector.drivers import Driver

DRIVER_GROUP = "inspector.drivers"
COMMAND_GROUP = "inspector.commands"


def driver_names() -> list[str]:
    """Return the names of all installed drivers, sorted."""
    return sorted({point.name for point in entry_points(group=DRIVER_GROUP)})


def load_driver(name: str) -> type[Driver]:
    """Return the driver class registered as `name`. Raises ConfigError."""
    from inspector.drivers import PROMISES  # numpy and pydantic: not for `inspector --help`
    from inspector.mistakes import unknown

    found = [point for point in entry_points(group=DRIVER_GROUP) if point.name == name]
    if not found:
        raise ConfigError(unknown("driver", name, driver_names()), key="driver")
    try:
        driver = found[0].load()
    except ImportError as error:
        raise ConfigError(f"driver '{name}' cannot be imported: {error}", key="driver") from error
    if not (isinstance(driver, type) and sum(issubclass(driver, promise) for promise in PROMISES) == 1):
        raise ConfigError(f"driver '{name}' must subclass exactly one of {', '.join(p.__name__ for p in PROMISES)}", key="driver")
    return driver


def command_points() -> list[EntryPoint]:
    """Return the entry points that add subcommands to `inspector`, sorted by name."""
    return sorted(entry_points(group=COMMAND_GROUP), key=lambda point: point.name)
