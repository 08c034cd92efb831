"""The `inspector` command: argument parsing only.

A command is a module with `SUMMARY`, `add_arguments(parser)` and `run(arguments) -> int`; it imports what it needs inside `run`, so
that `inspector --help` stays fast. The commands of `inspector` itself live in `inspector/commands/`, a file each; `stations` and
`dashboards`, which `inspector` must not know, add theirs under the entry-point group `inspector.commands`.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

from inspector.errors import InspectorError
from inspector.plugins import command_points

OWN_COMMANDS = (
    "train",
    "model",
    "evaluate",
    "export",
    "inspect",
    "suggest",
    "knowledge",
    "replay",
    "recording",
    "report",
    "review",
    "schema",
    "people",
    "audit",
    "bench",
    "api",
)
BROUGHT_BY = {
    "train": ("torch", "pytorch_grad_cam", "efficientnet_lite_pytorch", "safetensors", "sklearn", "matplotlib"),
    "export": ("onnx",),
    "edge": ("onnxruntime",),
}
"""Packages that an installation at the line does without."""


def script() -> int:
    """Run one command as a process of its own, which ends with it."""
    code = main()
    # The interpreter looks for garbage once more at its end: among all that torch has loaded that takes half a second, for nothing.
    gc.freeze()
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0 for success, 2 for the user's mistake, 1 for ours."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.DEBUG if chosen.verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        return int(chosen.run(chosen))
    except InspectorError as error:
        print(f"inspector {chosen.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`inspector … | head`): not an error, but Python would print one at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if chosen.verbose:
            raise
        if isinstance(error, ModuleNotFoundError) and (extra := _extra_of(error.name or "")):
            needs = f"needs {error.name}, which is not installed: pip install 'line-inspector[{extra}]'"
            print(f"inspector {chosen.command}: {needs}", file=sys.stderr)
            return 2
        print(f"inspector {chosen.command}: inner failure: {type(error).__name__}: {error} (run with -v for details)", file=sys.stderr)
        return 1


def _extra_of(module: str) -> str | None:
    """Return the extra of this distribution that brings a module; None for one that should be there."""
    package = module.partition(".")[0]
    return next((extra for extra, packages in BROUGHT_BY.items() if package in packages), None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="inspector", description="Inspect parts by picture, sound and sensors; say where, why and what helps."
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log more, and show the traceback of an inner failure")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, load in sorted(_commands().items()):
        try:
            module = load()
        except ImportError as error:  # a broken plug-in takes only itself down
            print(f"inspector: the command '{name}' is left out, it cannot be imported: {error}", file=sys.stderr)
            continue
        example = (module.__doc__ or "").strip()
        subparser = subparsers.add_parser(
            name, help=module.SUMMARY, description=example, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    return parser


def _commands() -> dict[str, Callable[[], ModuleType]]:
    own: dict[str, Callable[[], ModuleType]] = {
        name: lambda name=name: importlib.import_module(f"inspector.commands.{name}")  # type: ignore[misc]
        for name in OWN_COMMANDS
    }
    return own | {point.name: point.load for point in command_points()}


if __name__ == "__main__":
    sys.exit(script())
