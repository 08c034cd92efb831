"""Features -> a batch for the network: the tensors of the channels that can be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from inspector.features import Features
from inspector.fusion.backbone import Backbone
from inspector.fusion.batch import Batch, Maps
from inspector.fusion.memory import GoodMemory
from inspector.fusion.spec import NetworkSpec
from inspector.fusion.vision import to_input


@dataclass(frozen=True, slots=True)
class Encoder:
    """All that stands before the network and is not trained with it."""

    spec: NetworkSpec
    backbone: Backbone | None
    memories: Mapping[str, GoodMemory]

    @torch.inference_mode()
    def encode(self, features: Features, matched: Mapping[str, str], quality: Mapping[str, float]) -> Batch:
        """Return one part as a batch of one. Channels of no quality, and absent ones, are not computed at all."""
        batch = Batch()
        for name in self.spec.cameras:
            if name in matched and quality[name] > 0:
                picture = features.pictures[matched[name]]
                batch.maps[name] = self.maps(name, picture.pixels)
                batch.offsets_s[name] = torch.tensor([[picture.offset_s]])
                batch.quality[name] = torch.tensor([quality[name]])
        for vector in self.spec.vectors:
            if vector.name in matched and quality[vector.name] > 0:
                found = features.vectors[matched[vector.name]]
                batch.summaries[vector.name] = torch.from_numpy(found.summary)[None]
                batch.steps[vector.name] = torch.from_numpy(found.steps)[None]
                batch.offsets_s[vector.name] = torch.from_numpy(found.offsets_s)[None]
                batch.quality[vector.name] = torch.tensor([quality[vector.name]])
        return batch

    def maps(self, camera: str, pixels: object) -> Maps:
        """Return the backbone's maps of one picture and its anomaly map."""
        assert self.backbone is not None
        fine, coarse, deep = self.backbone(torch.from_numpy(to_input(pixels, self.spec.image_size))[None])  # type: ignore[arg-type]
        return fine, coarse, deep, self.memories[camera](fine, coarse)
