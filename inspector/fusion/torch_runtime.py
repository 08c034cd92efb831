"""The trained network in torch: what training knows, and what exported models are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inspector.features import Features
from inspector.fusion.attribution import Numbers
from inspector.fusion.batch import Batch
from inspector.fusion.calibration import Calibration
from inspector.fusion.cams import class_activation_map
from inspector.fusion.defect_numbers import numbers_of
from inspector.fusion.encoding import Encoder
from inspector.fusion.ensemble import Ensemble, ask, log_odds, shared_backbone, twin
from inspector.fusion.network import FusionNetwork
from inspector.fusion.opinion import Opinion
from inspector.fusion.torchvision_compat import import_grad_cam
from inspector.fusion.vision import to_input
from inspector.parts import Modality

Array = NDArray[np.float32]


class TorchRuntime:
    """One ensemble. Maps are drawn on a twin that shares its weights and has hooks of its own; one thread may draw at a time."""

    def __init__(self, ensemble: Ensemble, calibration: Calibration, encoder: Encoder | None = None) -> None:
        self.ensemble = ensemble.eval().requires_grad_(False)
        spec = ensemble.spec
        self.encoder = encoder or Encoder(spec, shared_backbone(spec), {camera: ensemble.memory(camera) for camera in spec.cameras})
        self._calibration = calibration
        self._drawn, self._explained = twin(ensemble), twin(ensemble)

    @property
    def words(self) -> str:
        return f"torch {torch.__version__}, fp32"

    def warm_up(self) -> None:
        """Make this process ready to judge one part after the other.

        That means one thread: on maps as small as these torch loses more by sharing out the work than it gains (130 ms a part on two
        cores, 70 on one), and the other core is free to capture and to explain.
        """
        torch.set_num_threads(1)
        backbone = self.encoder.backbone
        if backbone is not None:
            height, width = self.ensemble.spec.image_size
            with torch.inference_mode():
                for _ in range(2):
                    backbone(torch.zeros(1, 3, height, width))
            import_grad_cam()

    def read(self, features: Features, matched: Mapping[str, str], quality: Mapping[str, float]) -> Batch:
        return self.encoder.encode(features, matched, quality)

    def ask(self, read: Batch) -> Opinion:
        return ask(self.ensemble, read)

    def maps(self, read: Batch, camera: str) -> list[Array]:
        return [_plain(one) for one in read.maps[camera][:3]]

    def without(self, read: Batch, camera: str, maps: list[Array]) -> Batch:
        fine, coarse, deep = (torch.from_numpy(one) for one in maps)
        rows = read.repeated(len(fine))
        with torch.inference_mode():
            unusual = self.encoder.memories[camera](fine, coarse)
        return replace(rows, maps={**rows.maps, camera: (fine, coarse, deep, unusual)})

    def ways(self, read: Batch, camera: str) -> tuple[Array, Array, Array]:
        return ways(list(self._drawn.members), read, camera)

    def finest(self, pixels: NDArray[np.uint8]) -> Array:
        backbone = self.encoder.backbone
        assert backbone is not None
        with torch.inference_mode():
            return _plain(backbone(torch.from_numpy(to_input(pixels, self.ensemble.spec.image_size))[None])[0][0])

    def gradients(self, read: Batch, path: Numbers) -> Numbers:
        points = len(next(iter(path.values()))[0])
        rows = read.repeated(points)
        leaves = {channel: [torch.from_numpy(one).requires_grad_(True) for one in numbers] for channel, numbers in path.items()}
        for channel, (summary, steps) in leaves.items():
            rows.summaries[channel], rows.steps[channel] = summary, steps
        flat = [leaf for pair in leaves.values() for leaf in pair]
        with torch.enable_grad():
            found = torch.autograd.grad(log_odds(self._explained, self._calibration, rows).sum(), flat, allow_unused=True)
        told = iter(torch.zeros_like(leaf) if one is None else one for leaf, one in zip(flat, found, strict=True))
        return {channel: (_plain(next(told)), _plain(next(told))) for channel in leaves}

    def numbers(self, read: Batch, opinion: Opinion, modality: Modality) -> Array | None:
        found = numbers_of(self.ensemble, read, opinion.outputs, modality)
        return None if found is None else found[0]


def ways(members: Sequence[nn.Module], batch: Batch, camera: str) -> tuple[Array, Array, Array]:
    """Return learned evidence (log odds), class activation map and anomaly map of one part (h, w each), members averaged."""
    places, cams = [], []
    for member in members:
        assert isinstance(member, FusionNetwork)
        with torch.inference_mode():
            places.append(member(batch).evidence[camera][0, 0].numpy())
        cams.append(class_activation_map(member, batch, camera))
    return np.mean(places, axis=0), np.mean(cams, axis=0), _plain(batch.maps[camera][-1][0, 0])


def _plain(values: Tensor) -> Array:
    return np.asarray(values.numpy(), dtype=np.float32)
