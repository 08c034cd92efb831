"""Class activation maps of a decision: which places of a camera's maps the fused logit was made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inspector.fusion.batch import Batch
from inspector.fusion.network import FusionNetwork
from inspector.fusion.torchvision_compat import import_grad_cam

Map = NDArray[np.float32]
METHODS = {
    "grad_cam": "GradCAM",
    "grad_cam_plus_plus": "GradCAMPlusPlus",
    "x_grad_cam": "XGradCAM",
    "layer_cam": "LayerCAM",
    "hires_cam": "HiResCAM",
    "elementwise": "GradCAMElementWise",
    "shapley_cam": "ShapleyCAM",
}
"""Our name -> the grad-cam package's class."""
METHOD = "grad_cam"
LAYERS = ("last",)
"""Layers of the camera encoder, by name; the maps of several are multiplied (as RefineCAM does)."""
DEFECT_LOGIT = 0


def class_activation_map(
    member: FusionNetwork,
    batch: Batch,
    camera: str,
    *,
    method: str = METHOD,
    layers: Sequence[str] = LAYERS,
    target: Callable[[Tensor], Tensor] = lambda logits: logits[DEFECT_LOGIT],
) -> Map:
    """Return how much each place (h, w) of `camera`'s finest map adds to `target` of the member's fused logits; never below 0.

    Values keep the scale of the method and are not stretched to their own peak, so that maps of two parts can be compared.
    """
    encoder = member.cameras[member.spec.cameras.index(camera)]
    explainer = _explainer(method)(Decision(member, batch, camera), [encoder.get_submodule(layer) for layer in layers])
    finest = batch.maps[camera][0]
    leaf = torch.zeros(1, 1, *finest.shape[-2:], requires_grad=True)
    try:
        with torch.enable_grad():
            explainer(leaf, [target])
        return _joined(explainer.found, finest.shape[-2:])
    finally:
        _release(explainer)


def _release(explainer: Any) -> None:
    """Take the package's hooks off the network now; used as a context manager it would hide IndexError."""
    kept = explainer.activations_and_grads
    kept.activations.clear()
    kept.gradients.clear()  # emptied here: the package would detach them in place, which views refuse
    kept.release()


class Decision(nn.Module):
    """The fused logits as a function of a sheet (1, 1, h, w) that is added to every map of one camera; all else is held.

    So every layer of the encoder lies between input and logits, at whatever stride it works.
    """

    def __init__(self, member: FusionNetwork, batch: Batch, camera: str) -> None:
        super().__init__()
        self.member, self._batch, self._camera = member, batch.repeated(), camera

    def forward(self, sheet: Tensor) -> Tensor:
        fine, coarse, deep, unusual = (
            held + functional.interpolate(sheet, size=held.shape[-2:]) for held in self._batch.maps[self._camera]
        )
        maps = {**self._batch.maps, self._camera: (fine, coarse, deep, unusual)}
        logits: Tensor = self.member(replace(self._batch, maps=maps)).logits
        return logits


@cache
def _explainer(method: str) -> Any:
    """Return the package's class, made to keep its maps as they are before they are stretched to their own peak."""
    published: Any = getattr(import_grad_cam(), METHODS[method])

    class Unscaled(published):  # type: ignore[misc]
        def __init__(self, model: nn.Module, layers: list[nn.Module]) -> None:
            super().__init__(model, layers)
            self.found: list[Any] = []

        def get_cam_image(self, *arguments: Any) -> Any:
            found = super().get_cam_image(*arguments)
            self.found.append(found)
            return found

    return Unscaled


def _joined(found: Sequence[Any], size: Sequence[int]) -> Map:
    """Return the geometric mean of the layers' maps, each brought to `size`; one layer's map as it is."""
    maps = [torch.as_tensor(np.asarray(one), dtype=torch.float32)[None].clamp(min=0) for one in found]
    brought = [functional.interpolate(one, size=tuple(size), mode="bilinear", align_corners=False)[0, 0] for one in maps]
    product = torch.stack(brought).prod(dim=0) ** (1 / len(brought))
    return np.asarray(product.detach().numpy(), dtype=np.float32)
