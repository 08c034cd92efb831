"""Labelled parts -> tensors that stay the same through training: frozen maps of a few views of each picture, vectors, masks."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inspector.features import Features, extract
from inspector.fusion.backbone import COARSE_CHANNELS, FINE_CHANNELS, STRIDE_PX, Backbone, network_size, to_input
from inspector.fusion.spec import VectorSpec
from inspector.parts import OK_LABEL
from inspector.training.parts_folder import UNLABELLED, LabelledPart, PartsFolder

NO_CAUSE = "none"
PICTURES_AT_ONCE = 8


class Progress(Protocol):
    """Wraps something to iterate over and shows how far it is."""

    def __call__(self, items: Iterable[Any], *, total: int | None = None, label: str = "") -> Iterable[Any]: ...


def silent(items: Iterable[Any], *, total: int | None = None, label: str = "") -> Iterable[Any]:  # noqa: ARG001 - the protocol's names
    """Show nothing."""
    return items


@dataclass(slots=True)
class View:
    """One view of one picture: backbone maps in half precision, and the share of each place that is defective (None: nobody said)."""

    fine: Tensor
    coarse: Tensor
    target: Tensor | None
    unusual: Tensor | None = None


@dataclass(slots=True)
class Sample:
    """One labelled part, ready for training."""

    part: LabelledPart
    features: Features
    views: dict[str, list[View]] = field(default_factory=dict)

    @property
    def defective(self) -> bool:
        return self.part.label != OK_LABEL

    @property
    def group(self) -> str:
        return self.part.group or self.part.part_id


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


def prepare(folder: PartsFolder, *, area_px: int, views: int, seed: int, progress: Progress = silent) -> Prepared:
    """Read, describe and encode all training and validation parts. Raises DataError for a file that cannot be read."""
    chosen = [*folder.split("train"), *folder.split("val"), *folder.unlabelled]
    samples = [Sample(part, extract(part.record())) for part in progress(chosen, total=len(chosen), label="reading parts")]
    train = [sample for sample in samples if sample.part.split == "train" and sample.part.label != UNLABELLED]
    val = [sample for sample in samples if sample.part.split == "val"]
    cameras = tuple(dict.fromkeys(name for sample in train for name in sample.features.pictures))
    size = _image_size(train, area_px)
    if cameras:
        _encode(samples, size, views=views, seed=seed, progress=progress)
    unlabelled = [sample for sample in samples if sample.part.label == UNLABELLED]
    return Prepared(train, val, cameras, size, _vector_specs(train), _kinds(train), _causes(train), unlabelled)


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


@dataclass(frozen=True, slots=True)
class _Job:
    sample: Sample
    camera: str
    pixels: NDArray[np.uint8]
    target: NDArray[np.float32] | None


def _encode(samples: Sequence[Sample], size: tuple[int, int], *, views: int, seed: int, progress: Progress) -> None:
    backbone = Backbone()
    jobs = _jobs(samples, size, views, np.random.default_rng(seed))
    pictures = sum(len(sample.features.pictures) * (views if sample.part.split == "train" else 1) for sample in samples)
    # One block for all maps: small lasting tensors between large passing ones would tear the heap into pieces.
    height, width = size[0] // STRIDE_PX, size[1] // STRIDE_PX
    fine = torch.empty(pictures, FINE_CHANNELS, height, width, dtype=torch.float16)
    coarse = torch.empty(pictures, COARSE_CHANNELS, height // 2, width // 2, dtype=torch.float16)
    for start in progress(range(0, pictures, PICTURES_AT_ONCE), total=-(-pictures // PICTURES_AT_ONCE), label="looking at pictures"):
        batch = list(itertools.islice(jobs, PICTURES_AT_ONCE))
        rows = slice(start, start + len(batch))
        with torch.inference_mode():
            inputs = torch.from_numpy(np.stack([to_input(job.pixels, size) for job in batch]))
            fine[rows], coarse[rows] = backbone(inputs.contiguous(memory_format=torch.channels_last))
        for row, job in enumerate(batch, start=start):
            target = None if job.target is None else torch.from_numpy(job.target)
            job.sample.views.setdefault(job.camera, []).append(View(fine[row], coarse[row], target))


def _jobs(samples: Sequence[Sample], size: tuple[int, int], views: int, random: np.random.Generator) -> Iterator[_Job]:
    grid = (size[0] // STRIDE_PX, size[1] // STRIDE_PX)
    for sample in samples:
        for camera, picture in sample.features.pictures.items():
            mask = _mask(sample, camera, picture.pixels.shape[:2])
            yield _Job(sample, camera, picture.pixels, _target(mask, grid))
            for _ in range(views - 1 if sample.part.split == "train" else 0):
                pixels, moved = altered(picture.pixels, mask, random)
                yield _Job(sample, camera, pixels, _target(moved, grid))


def _mask(sample: Sample, camera: str, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Return where the picture is defective: all zero on a good part, None where a defect is somewhere and nobody drew it."""
    if not sample.defective:
        return np.zeros(shape, np.uint8)
    mask = sample.part.mask(sample.features.pictures[camera].size_px) if sample.part.camera == camera else None
    if mask is None or not mask.any():
        return None
    return np.asarray(cv2.resize(mask, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _target(mask: NDArray[np.uint8] | None, grid: tuple[int, int]) -> NDArray[np.float32] | None:
    """Return for each place how much of it is defective; a place that is one eighth covered already counts in full."""
    if mask is None:
        return None
    share = cv2.resize(mask.astype(np.float32) / 255, (grid[1], grid[0]), interpolation=cv2.INTER_AREA)
    return np.clip(share * 8, 0, 1).astype(np.float32)


def altered(
    pixels: NDArray[np.uint8], mask: NDArray[np.uint8] | None, random: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Return the picture as another exposure in another pose might show it, and its mask moved alike."""
    height, width = pixels.shape[:2]
    angle_deg, zoom = float(random.uniform(-6, 6)), float(random.uniform(0.92, 1.12))
    turn = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), angle_deg, zoom), dtype=np.float64)
    turn[:, 2] += random.uniform(-0.05, 0.05, 2) * (width, height)
    moved = cv2.warpAffine(pixels, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    level = np.asarray(moved, dtype=np.float64) / 255
    level = level ** float(random.uniform(0.75, 1.33)) * float(random.uniform(0.8, 1.2))
    level = level + np.asarray(random.normal(0, random.uniform(0, 0.015), level.shape[:2]))[..., None]
    if random.random() < 0.15:
        level = np.asarray(cv2.GaussianBlur(level, (0, 0), float(random.uniform(0.5, 1.2))), dtype=np.float64)
    shown = np.clip(level * 255, 0, 255).astype(np.uint8)
    if mask is None:
        return shown, None
    # Reflected borders repeat the surface, and with it the defect: the mask is reflected, too.
    return shown, np.asarray(cv2.warpAffine(mask, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101))
