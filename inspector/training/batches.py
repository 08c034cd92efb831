"""Prepared samples -> batches of the network, with what should come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from inspector.features import Features
from inspector.fusion.batch import Batch, Maps
from inspector.fusion.spec import NetworkSpec
from inspector.fusion.trust import Ranges, matched_channels, trust
from inspector.parts import Modality
from inspector.training.preparing import NO_CAUSE
from inspector.training.samples import Sample

UNKNOWN = -1


@dataclass(slots=True)
class Targets:
    """Truth of a batch; kinds and causes are indices, -1 where nothing is to be learnt."""

    defective: Tensor
    kinds: Tensor
    causes: Tensor
    places: dict[str, tuple[Tensor, Tensor]]
    """Camera -> share of each place that is defective (B, h, w), and whether somebody said so (B,)."""
    foreign: dict[Modality, Tensor] = field(default_factory=dict)
    """Modality -> whether it was taken from another part (B,), so that this truth is not its own."""
    conflict: Tensor | None = None
    """Whether the modalities come from parts of different truth (B,)."""


class Table:
    """All samples of a set as tensors; pictures are gathered per batch, as they are large."""

    def __init__(self, samples: Sequence[Sample], spec: NetworkSpec, ranges: Ranges) -> None:
        self.samples, self.spec, self.ranges = list(samples), spec, ranges
        own = self._readings([sample.features for sample in self.samples])
        views = max((len(sample.altered) for sample in self.samples), default=0)
        others = [[s.altered[view] if view < len(s.altered) else s.features for s in self.samples] for view in range(views)]
        self.readings = [own, *map(self._readings, others)]
        """The signals of all parts as recorded, and then altered views of them."""
        self.summaries, self.steps, self.offsets_s, self.quality = own.summaries, own.steps, own.offsets_s, own.quality
        self.pictures_s = {camera: self._pictures_s(camera) for camera in spec.cameras}
        self.defective = torch.tensor([float(sample.defective) for sample in self.samples])
        self.counsel: dict[str, Tensor] = {}
        """Modality -> what its counsel says of each view of each part out of fold (views, N, outputs), for the member trained now."""
        self.overviews: dict[str, Tensor] = {}
        """Camera -> what its overview says of each part out of fold (N, kinds), likewise."""
        self.kinds = torch.tensor([_index(spec.kinds, sample.part.label) for sample in self.samples])
        self.causes = torch.tensor([_index(spec.causes, sample.part.cause or NO_CAUSE) for sample in self.samples])

    def __len__(self) -> int:
        return len(self.samples)

    def quality_of(self, modality: Modality) -> Tensor:
        """Return the quality of each part's best channel of a modality (N,)."""
        channels = [*self.spec.cameras] if modality == "image" else [v.name for v in self.spec.vectors if v.modality == modality]
        return torch.stack([self.quality[name] for name in channels]).amax(dim=0)

    def batch(self, rows: Tensor, random: np.random.Generator | None = None) -> tuple[Batch, Targets]:
        """Return parts `rows`; with `random` a random view of each picture, mirrored at random, and of its signals, else as recorded."""
        batch, places, defective = Batch(), {}, self.defective[rows]
        for camera in self.spec.cameras:
            maps, target, invented = self._pictures(camera, rows, random)
            defective = torch.maximum(defective, invented)
            if maps is not None and target is not None:
                batch.maps[camera], places[camera] = maps, target
                batch.quality[camera] = self.quality[camera][rows]
                batch.offsets_s[camera] = self.pictures_s[camera][rows]
        views = len(self.readings)
        drawn = torch.zeros_like(rows) if random is None or views == 1 else torch.from_numpy(random.integers(views, size=len(rows)))
        for vector in self.spec.vectors:
            for place, whole in (
                (batch.summaries, "summaries"),
                (batch.steps, "steps"),
                (batch.offsets_s, "offsets_s"),
                (batch.quality, "quality"),
            ):
                place[vector.name] = _picked([getattr(view, whole)[vector.name] for view in self.readings], drawn, rows)
        if random is not None:
            batch.counsel = {modality: said[drawn, rows] for modality, said in self.counsel.items()}
            batch.overviews = {camera: said[rows] for camera, said in self.overviews.items()}
        return batch, Targets(defective, self.kinds[rows], self.causes[rows], places)

    def _readings(self, features: Sequence[Features]) -> Batch:
        modality_of: dict[str, Modality] = dict.fromkeys(self.spec.cameras, "image")
        modality_of |= {vector.name: vector.modality for vector in self.spec.vectors}
        matched = [matched_channels(one, modality_of) for one in features]
        trusted = [trust(one, names, self.ranges).quality for one, names in zip(features, matched, strict=True)]
        found = Batch(quality={name: torch.tensor([one.get(name, 0.0) for one in trusted]) for name in modality_of})
        for vector in self.spec.vectors:
            rows = [one.vectors[names[vector.name]] if vector.name in names else None for one, names in zip(features, matched, strict=True)]
            empty = (np.full(vector.summary, np.nan), np.full((vector.steps, vector.step_size), np.nan), np.zeros(vector.steps))
            filled = [empty if row is None else (row.summary, row.steps, row.offsets_s) for row in rows]
            found.summaries[vector.name], found.steps[vector.name], found.offsets_s[vector.name] = (
                torch.from_numpy(np.stack([row[place] for row in filled]).astype(np.float32)) for place in range(3)
            )
        return found

    def _pictures_s(self, camera: str) -> Tensor:
        pictures = [sample.features.pictures.get(camera) for sample in self.samples]
        return torch.tensor([[0.0 if picture is None else picture.offset_s] for picture in pictures])

    def _pictures(
        self, camera: str, rows: Tensor, random: np.random.Generator | None
    ) -> tuple[Maps | None, tuple[Tensor, Tensor] | None, Tensor]:
        views = [self.samples[int(row)].views.get(camera) for row in rows]
        first = next((view for view in views if view), None)
        if first is None:
            return None, None, torch.zeros(len(rows))
        blank = first[0]
        maps_of: list[tuple[Tensor, ...]] = []
        targets, known, invented = [], [], []
        for found in views:
            view = blank if not found else found[0 if random is None else int(random.integers(len(found)))]
            turns = [] if random is None else [axis for axis in (-1, -2) if random.random() < 0.5]
            told = view.target if found else None
            unusual = view.unusual if view.unusual is not None else torch.zeros(1, *view.fine.shape[1:])
            maps: tuple[Tensor, ...] = (view.fine, view.coarse, view.deep, unusual)
            target = told if told is not None else torch.zeros(view.fine.shape[1:])
            if turns:
                maps, target = (tuple(m.flip(turns) for m in maps), target.flip(turns))
            maps_of.append(maps)
            targets.append(target)
            known.append(told is not None)
            invented.append(float(bool(found) and view.invented))
        fine, coarse, deep, strange = (torch.stack(same).float() for same in zip(*maps_of, strict=True))
        return (fine, coarse, deep, strange), (torch.stack(targets), torch.tensor(known)), torch.tensor(invented)


def _picked(views: Sequence[Tensor], drawn: Tensor, rows: Tensor) -> Tensor:
    """Return row `rows[k]` of view `drawn[k]` for each k."""
    found = views[0][rows]
    for number, view in enumerate(views[1:], start=1):
        found = torch.where((drawn == number).view(-1, *[1] * (found.ndim - 1)), view[rows], found)
    return found


def _index(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else UNKNOWN
