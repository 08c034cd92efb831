"""Import the grad-cam package quickly, and on a CPU build of torch at all.

Two obstacles. The torchvision of the package index is linked to CUDA: beside a CPU-only torch its compiled operators are absent and its
import fails at `torchvision::nms` (pytorch/vision #9085) unless the schemas of two operators are known. And grad-cam imports torchvision,
matplotlib, scikit-learn and ttach for functions that the heat maps here never call, which costs several seconds in every process.

So those four are deferred: while grad-cam is imported, names taken from them are stand-ins that import the real thing on first use.
Afterwards they are gone from `sys.modules`, and whoever imports torchvision later gets torchvision. If a grad-cam version cannot be
imported like this, it is imported plainly.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from types import ModuleType
from typing import Any

_DEFERRED = ("torchvision", "matplotlib", "sklearn", "ttach")
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_lock = threading.Lock()
_library: Any = None


def import_grad_cam() -> ModuleType:
    """Return the module `pytorch_grad_cam`. Raises ImportError where it is not installed."""
    with _lock:
        if "pytorch_grad_cam" in sys.modules:
            return sys.modules["pytorch_grad_cam"]
        finder = _Deferring([name for name in _DEFERRED if name not in sys.modules])
        sys.meta_path.insert(0, finder)
        try:
            return importlib.import_module("pytorch_grad_cam")
        except (ImportError, AttributeError, TypeError):
            _forget("pytorch_grad_cam")
        finally:
            sys.meta_path.remove(finder)
            for name in finder.roots:
                _forget(name, only=_Stub)
        define_missing_operators()
        return importlib.import_module("pytorch_grad_cam")


def define_missing_operators() -> None:
    """Make `import torchvision` possible beside a CPU build of torch; does nothing where torchvision is whole or absent."""
    global _library
    import torch

    if (
        _library is not None
        or "torchvision" in sys.modules
        or torch.version.cuda is not None
        or importlib.util.find_spec("torchvision") is None
    ):
        return
    if hasattr(torch.ops.torchvision, "nms"):
        return
    _library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS:
        _library.define(schema)


class _Stub(ModuleType):
    """A module whose every public name is a stand-in."""

    __path__: list[str] = []  # noqa: RUF012 - the import system wants a list on the module

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _stand_in(self.__name__, name)


def _stand_in(module: str, name: str) -> type:
    """Return a class that can be named, called and subclassed; making one makes the real thing."""

    def make(_cls: type, *arguments: Any, **keywords: Any) -> Any:
        if module.partition(".")[0] == "torchvision":
            define_missing_operators()
        return getattr(importlib.import_module(module), name)(*arguments, **keywords)

    return type(name, (), {"__new__": make, "__doc__": f"Stands for {module}.{name} until it is used."})


class _Deferring:
    """Finds a stub for every module under some root names."""

    def __init__(self, roots: list[str]) -> None:
        self.roots = roots

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:  # noqa: ARG002 - the import system's names
        if fullname.partition(".")[0] not in self.roots:
            return None
        return importlib.util.spec_from_loader(fullname, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: Any) -> ModuleType:
        return _Stub(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: a stub has no content."""


def _forget(root: str, only: type = ModuleType) -> None:
    for name in [name for name, module in sys.modules.items() if name.partition(".")[0] == root and isinstance(module, only)]:
        del sys.modules[name]
