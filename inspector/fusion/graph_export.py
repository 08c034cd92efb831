"""From a piece of the trained judge to an ONNX graph.

The exporter is torch's older one, which follows a run: it takes half a second a graph where the newer one takes twenty, and only needs
`onnx`. Gradients are followed first (`make_fx`), so that what is exported is the backward pass as plain operations.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from inspector.errors import ModelError
from inspector.fusion.graphs import Piece

OPSET = 17


def to_onnx(piece: Piece) -> bytes:
    """Return a graph whose inputs and outputs have the piece's names. Raises ModelError without `onnx`."""
    names = list(piece.example)
    told: list[str] = []

    def compute(*inputs: Tensor) -> tuple[Tensor, ...]:
        found = piece.compute(dict(zip(names, inputs, strict=True)))
        told[:] = list(found)
        return tuple(found.values())

    inputs = tuple(piece.example.values())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing: what is decided by sizes and counts stays decided, which is meant
        module = _backwards(compute, inputs) if piece.by_gradient else _Module(compute)
        if not told:
            compute(*inputs)
        return _written(module, inputs, names, told)


class _Module(nn.Module):
    def __init__(self, compute: Callable[..., tuple[Tensor, ...]]) -> None:
        super().__init__()
        self._compute = compute

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return self._compute(*inputs)


def _written(module: nn.Module, inputs: tuple[Tensor, ...], names: list[str], told: list[str]) -> bytes:
    try:
        import onnx  # noqa: F401 - the exporter asks for it too late, and not in our words
    except ImportError as error:
        raise ModelError("exporting needs the package onnx: install line-inspector[export]") from error
    content = io.BytesIO()
    _teach_exporter()
    with torch.no_grad():
        torch.onnx.export(
            module,
            inputs,
            content,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=OPSET,
            input_names=names,
            output_names=told,
        )
    return content.getvalue()


def _backwards(compute: Callable[..., tuple[Tensor, ...]], inputs: tuple[Tensor, ...]) -> nn.Module:
    """Return a function that takes gradients as plain operations, each of which the exporter knows."""
    from torch._decomp import core_aten_decompositions
    from torch.fx.experimental.proxy_tensor import make_fx

    aten = torch.ops.aten
    table: dict[Any, Any] = dict(core_aten_decompositions())
    del table[aten.sum.default]  # a sum over no named dimension, which the exporter takes for one over none
    table[aten.slice_backward.default] = _slice_backward
    table[aten.select_backward.default] = _select_backward
    module: nn.Module = make_fx(compute, decomposition_table=table)(*inputs)
    return module


def _slice_backward(gradient: Tensor, sizes: list[int], dim: int, start: int, end: int, step: int) -> Tensor:
    assert step == 1
    side = sizes[dim]
    start, end = (place + side if place < 0 else min(place, side) for place in (start, end))
    return _among_zeros(gradient, sizes, dim, start, side - end)


def _select_backward(gradient: Tensor, sizes: list[int], dim: int, index: int) -> Tensor:
    index %= sizes[dim]
    return _among_zeros(gradient.unsqueeze(dim), sizes, dim, index, sizes[dim] - index - 1)


def _among_zeros(values: Tensor, sizes: list[int], dim: int, before: int, after: int) -> Tensor:
    def zeros(count: int) -> Tensor:
        return values.new_zeros([count if place == dim % len(sizes) else side for place, side in enumerate(sizes)])

    return torch.cat([zeros(before), values, zeros(after)], dim=dim)


def _teach_exporter() -> None:
    """Tell the exporter of operations that ONNX has and it does not know."""
    from torch.onnx import symbolic_helper as helper
    from torch.onnx._internal.torchscript_exporter._type_utils import JitScalarType

    @helper.parse_args("v", "i", "b")
    def softmax(graph: Any, values: Any, dim: int, _half: bool) -> Any:
        return graph.op("Softmax", values, axis_i=dim)

    def to_copy(graph: Any, values: Any, dtype: Any, *_rest: Any) -> Any:
        wanted = helper._maybe_get_const(dtype, "i")
        return values if helper._is_none(dtype) else graph.op("Cast", values, to_i=JitScalarType(wanted).onnx_type())

    known: dict[str, Callable[..., Any]] = {
        "aten::asinh": lambda graph, values: graph.op("Asinh", values),
        "aten::lift_fresh_copy": lambda _graph, values: values,
        "aten::_softmax": softmax,
        "aten::_to_copy": to_copy,
    }
    for name, symbolic in known.items():
        torch.onnx.register_custom_op_symbolic(name, symbolic, 13)  # type: ignore[attr-defined]
