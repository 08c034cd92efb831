"""Labelled parts -> tensors that stay the same through training: frozen maps of a few views of each picture, vectors, masks."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from inspector.features import Features, extract
from inspector.fusion.backbone import Backbone
from inspector.fusion.spec import VectorSpec
from inspector.fusion.vision import COARSE_CHANNELS, DEEP_CHANNELS, FINE_CHANNELS, STRIDE_PX, network_size, to_input
from inspector.parts import OK_LABEL
from inspector.training.parts_folder import UNLABELLED, PartsFolder
from inspector.training.picture_views import LabelledPicture, mask_of, plan_of, views_of
from inspector.training.recipe import PictureRecipe, SignalRecipe
from inspector.training.samples import Sample, View
from inspector.training.signal_views import altered

NO_CAUSE = "none"
PICTURES_AT_ONCE = 8


class Progress(Protocol):
    """Wraps something to iterate over and shows how far it is."""

    def __call__(self, items: Iterable[Any], *, total: int | None = None, label: str = "") -> Iterable[Any]: ...


def silent(items: Iterable[Any], *, total: int | None = None, label: str = "") -> Iterable[Any]:  # noqa: ARG001 - the protocol's names
    """Show nothing."""
    return items


@dataclass(frozen=True, slots=True)
class Prepared:
    """All parts that training may look at."""

    train: list[Sample]
    val: list[Sample]
    cameras: tuple[str, ...]
    image_size: tuple[int, int]
    vectors: tuple[VectorSpec, ...]
    kinds: tuple[str, ...]
    causes: tuple[str, ...]
    unlabelled: list[Sample] = field(default_factory=list)
    """Training parts that nobody has looked at yet, for pretraining."""


def prepare(
    folder: PartsFolder,
    *,
    picture: PictureRecipe,
    signal: SignalRecipe,
    unlabelled: bool = False,
    seed: int,
    progress: Progress = silent,
) -> Prepared:
    """Read, describe and encode all training and validation parts, and those without a label where something will learn from them.

    Raises DataError for a file that cannot be read.
    """
    chosen = [*folder.split("train"), *folder.split("val"), *(folder.unlabelled if unlabelled else ())]
    samples = [Sample(part, extract(part.record())) for part in progress(chosen, total=len(chosen), label="reading parts")]
    train = [sample for sample in samples if sample.part.split == "train" and sample.part.label != UNLABELLED]
    val = [sample for sample in samples if sample.part.split == "val"]
    learned = [sample for sample in samples if sample.part.split != "val"]
    for sample in progress(learned if signal.views else (), total=len(learned), label="altering signals"):
        sample.altered = _altered(sample, signal.views, seed)
    cameras = tuple(dict.fromkeys(name for sample in train for name in sample.features.pictures))
    size = _image_size(train, picture.area_px)
    if cameras:
        _encode(samples, size, recipe=picture, seed=seed, progress=progress)
    without_label = [sample for sample in samples if sample.part.label == UNLABELLED]
    return Prepared(train, val, cameras, size, _vector_specs(train), _kinds(train), _causes(train), without_label)


def _altered(sample: Sample, views: int, seed: int) -> list[Features]:
    """Return what the part's signals would be like on other days; nothing for a part of pictures alone."""
    record = sample.features.record
    if not sample.features.vectors:
        return []
    random = np.random.default_rng([seed, zlib.crc32(sample.part.part_id.encode())])
    # The record goes with every view: the altered signals themselves would fill the memory.
    return [replace(extract(altered(record, random)), record=record) for _ in range(views)]


def _image_size(train: Sequence[Sample], area_px: int) -> tuple[int, int]:
    aspects = [p.size_px[0] / p.size_px[1] for sample in train for p in sample.features.pictures.values()]
    return network_size(aspects or [1.0], area_px)


def _vector_specs(train: Sequence[Sample]) -> tuple[VectorSpec, ...]:
    specs: dict[str, VectorSpec] = {}
    for sample in train:
        for name, vector in sample.features.vectors.items():
            specs.setdefault(name, VectorSpec(name, vector.modality, len(vector.summary), len(vector.steps), vector.steps.shape[1]))
    return tuple(specs.values())


def _kinds(train: Sequence[Sample]) -> tuple[str, ...]:
    return tuple(sorted({sample.part.label for sample in train} - {OK_LABEL}))


def _causes(train: Sequence[Sample]) -> tuple[str, ...]:
    named = {sample.part.cause for sample in train if sample.part.cause} - {NO_CAUSE}
    # Where a folder names causes at all, a part without one has none.
    return (NO_CAUSE, *sorted(str(name) for name in named)) if named else ()


# --- pictures ------------------------------------------------------------------------------------------------------------------


def _encode(samples: Sequence[Sample], size: tuple[int, int], *, recipe: PictureRecipe, seed: int, progress: Progress) -> None:
    backbone = Backbone()
    pictures = [
        LabelledPicture(sample, camera, picture.pixels, mask_of(sample, camera))
        for sample in samples
        for camera, picture in sample.features.pictures.items()
    ]
    plan = plan_of(pictures, recipe)
    count = sum(len(ways) for ways in plan)
    views = views_of(pictures, plan, np.random.default_rng(seed))
    # One block for all maps: small lasting tensors between large passing ones would tear the heap into pieces.
    height, width = size[0] // STRIDE_PX, size[1] // STRIDE_PX
    fine = torch.empty(count, FINE_CHANNELS, height, width, dtype=torch.float16)
    coarse = torch.empty(count, COARSE_CHANNELS, height // 2, width // 2, dtype=torch.float16)
    deep = torch.empty(count, DEEP_CHANNELS, height // 4, width // 4, dtype=torch.float16)
    targets = torch.zeros(count, height, width)
    for start in progress(range(0, count, PICTURES_AT_ONCE), total=-(-count // PICTURES_AT_ONCE), label="looking at pictures"):
        batch = list(itertools.islice(views, PICTURES_AT_ONCE))
        rows = slice(start, start + len(batch))
        with torch.inference_mode():
            inputs = torch.from_numpy(np.stack([to_input(pixels, size) for _, _, pixels, _ in batch]))
            fine[rows], coarse[rows], deep[rows] = backbone(inputs.contiguous(memory_format=torch.channels_last))
        for row, (picture, way, _, mask) in enumerate(batch, start=start):
            if mask is not None:
                targets[row] = torch.from_numpy(_target(mask, (height, width)))
            view = View(fine[row], coarse[row], deep[row], None if mask is None else targets[row], invented=way == "invented")
            picture.sample.views.setdefault(picture.camera, []).append(view)


def _target(mask: NDArray[np.uint8], grid: tuple[int, int]) -> NDArray[np.float32]:
    """Return for each place how much of it is defective; a place that is one eighth covered already counts in full."""
    share = cv2.resize(mask.astype(np.float32) / 255, (grid[1], grid[0]), interpolation=cv2.INTER_AREA)
    return np.clip(share * 8, 0, 1).astype(np.float32)
