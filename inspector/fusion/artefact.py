"""A model as a folder: weights.safetensors, manifest.yaml, card.md. Nothing in it is executed when it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from inspector.config import read_yaml, validated
from inspector.errors import ConfigError, ModelError
from inspector.fusion import spec as fusion
from inspector.fusion import vision
from inspector.fusion.calibration import Calibration
from inspector.fusion.good_parts import FILE as GOOD_PARTS
from inspector.fusion.good_parts import GoodParts
from inspector.fusion.heat import HeatSettings
from inspector.fusion.known_kinds import FILE as KNOWN_DEFECTS
from inspector.fusion.known_kinds import KnownDefects, Recognition
from inspector.fusion.spec import NetworkSpec, VectorSpec
from inspector.fusion.trust import matched_names
from inspector.parts import Channel, Modality

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
WEIGHTS, MANIFEST, CARD = "weights.safetensors", "manifest.yaml", "card.md"
NORMAL = "normal.json"
"""Beside the weights: what is normal on the training line, where diagnosis starts from; written by training, read by the pipeline."""
CREDIT = "credit.json"
"""Beside the weights: how much the network's opinion on the cause counts beside the measured symptoms; likewise."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PinnedFile(_Model):
    name: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class PinnedNetwork(_Model):
    """The network whose weights these are; another name or version is refused."""

    name: str
    version: int
    members: int = Field(ge=1, le=20)
    cameras: list[str]
    image_size: tuple[int, int]
    vectors: list[VectorSpec]
    width: int
    map_width: int
    layers: int
    heads: int
    dropout: float

    @classmethod
    def of(cls, spec: NetworkSpec, members: int) -> PinnedNetwork:
        """Return what pins a network of this version."""
        return cls(
            name=fusion.NAME,
            version=fusion.VERSION,
            members=members,
            cameras=list(spec.cameras),
            image_size=spec.image_size,
            vectors=list(spec.vectors),
            width=spec.width,
            map_width=spec.map_width,
            layers=spec.layers,
            heads=spec.heads,
            dropout=spec.dropout,
        )


class TrainedOn(_Model):
    """Where the model comes from."""

    data: str
    data_sha256: str
    parts: dict[str, int]
    seed: int
    recipe: dict[str, Any]
    chosen: dict[str, Any] = {}
    """What the recipe left open and training decided: sizes, epochs, views."""


class Manifest(_Model):
    """What manifest.yaml holds."""

    format: int
    name: str
    version: str
    network: PinnedNetwork
    backbone: PinnedFile | None
    weights: PinnedFile
    modalities: list[Modality]
    channels: dict[str, Modality]
    kinds: list[str]
    causes: list[str]
    calibration: Calibration
    units: dict[str, str] = {}
    """Channel -> unit of its values in training; channels whose unit nobody gave are absent."""
    heat: HeatSettings = HeatSettings()
    good_parts: PinnedFile | None = None
    """What good parts look and sound like, to explain with; a model of before has none."""
    recognition: Recognition | None = None
    """When a defect is called unknown; None where too few kinds were seen to leave one out, and in a model of before."""
    known_defects: PinnedFile | None = None
    export: PinnedFile | None = None
    """What `inspector export` wrote beside the weights; None where nothing is exported."""
    indicators: dict[str, dict[str, tuple[float, float]]] = {}
    leading: Modality | None = None
    """The modality without which this model hardly knows a defect: a part that lacks it is never passed unseen."""
    training: TrainedOn
    figures: dict[str, Any] = {}
    held_out: dict[str, Any] = {}
    """Per kind what was missed, how true probabilities are, which parts scored lowest; on parts held out from learning."""

    @property
    def spec(self) -> NetworkSpec:
        pinned = self.network
        return NetworkSpec(
            cameras=tuple(pinned.cameras),
            image_size=pinned.image_size,
            vectors=tuple(pinned.vectors),
            kinds=tuple(self.kinds),
            causes=tuple(self.causes),
            width=pinned.width,
            map_width=pinned.map_width,
            layers=pinned.layers,
            heads=pinned.heads,
            dropout=pinned.dropout,
        )


def save(
    folder: Path,
    manifest: Manifest,
    state: dict[str, Tensor],
    card: str,
    good: GoodParts | None = None,
    known: KnownDefects | None = None,
) -> Manifest:
    """Write the artefact; the manifest gets the hashes of its files. Raises ModelError where the folder cannot be written."""
    from safetensors.torch import save_file

    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: value.contiguous() for name, value in state.items()}, folder / WEIGHTS)
        pinned = PinnedFile(name=WEIGHTS, sha256=sha256(folder / WEIGHTS))
        manifest = manifest.model_copy(update={"weights": pinned})
        for field, name, kept in (("good_parts", GOOD_PARTS, good), ("known_defects", KNOWN_DEFECTS, known)):
            if kept is not None:
                (folder / name).write_bytes(kept.to_bytes())
                manifest = manifest.model_copy(update={field: PinnedFile(name=name, sha256=sha256(folder / name))})
        write_manifest(folder, manifest)
        (folder / CARD).write_text(card, encoding="utf-8")
    except OSError as error:
        raise ModelError(f"{folder}: model cannot be written: {error.strerror}; choose another folder") from error
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write what a model is. Raises OSError."""
    text = yaml.safe_dump(manifest.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def load(folder: Path) -> tuple[Manifest, dict[str, Tensor]]:
    """Read and check an artefact. Raises ModelError in one line for anything that is not whole, not true or not made for this network."""
    manifest = load_manifest(folder)
    return manifest, load_weights(folder, manifest)


def load_manifest(folder: Path) -> Manifest:
    """Read what a model is. Raises ModelError."""
    if not folder.is_dir():
        raise ModelError(f"{folder}: is not a model folder: train one with `inspector train`")
    manifest = _manifest(folder / MANIFEST)
    _refuse_foreign(folder / MANIFEST, manifest)
    return manifest


def load_weights(folder: Path, manifest: Manifest) -> dict[str, Tensor]:
    """Read the trained numbers. Raises ModelError."""
    if manifest.backbone is not None and manifest.backbone.sha256 != vision.weights_sha256():
        raise ModelError(
            f"{folder / MANIFEST}, backbone: was trained on other weights than the {vision.NAME} installed here: install the pinned package"
        )
    return _tensors(pinned(folder, manifest.weights, "weights are"))


def load_good_parts(folder: Path, manifest: Manifest) -> GoodParts:
    """Read what the model remembers of good parts; nothing for a model of before. Raises ModelError."""
    if manifest.good_parts is None:
        return GoodParts()
    return GoodParts.read(pinned(folder, manifest.good_parts, "good parts are"))


def load_known_defects(folder: Path, manifest: Manifest) -> KnownDefects | None:
    """Read the defects that the model compares new ones with, where it calls any unknown. Raises ModelError."""
    if manifest.known_defects is None or manifest.recognition is None or not manifest.recognition.used:
        return None
    return KnownDefects.read(pinned(folder, manifest.known_defects, "known defects are"))


def pinned(folder: Path, file: PinnedFile, what: str) -> Path:
    """Return the path of a file that is what it was when it was pinned. Raises ModelError."""
    path = folder / file.name
    if not path.is_file():
        raise ModelError(f"{path}: {what} missing: copy the whole model folder")
    if sha256(path) != file.sha256:
        raise ModelError(f"{path}: hash does not match {MANIFEST}: the file was changed or damaged, fetch the model again")
    return path


def absent_channels(manifest: Manifest, channels: Mapping[str, Channel]) -> list[str]:
    """Return the channels of the model that a station does not have."""
    fits = matched_names({name: channel.modality for name, channel in channels.items()}, manifest.channels)
    return [name for name in manifest.channels if name not in fits]


def refuse_misfit(manifest: Manifest, channels: Mapping[str, Channel]) -> None:
    """Raise ModelError where a station's channels are not those of the model: no channel that it knows, or values in another unit."""
    fits = matched_names({name: channel.modality for name, channel in channels.items()}, manifest.channels)
    if not fits:
        ours = ", ".join(f"{name} ({modality})" for name, modality in manifest.channels.items())
        theirs = ", ".join(f"{name} ({channel.modality})" for name, channel in channels.items())
        raise ModelError(
            f"{manifest.name}: knows none of the station's channels, {theirs}; it was trained on {ours}: train one for this line"
        )
    for name, own in fits.items():
        unit, trained = channels[own].unit, manifest.units.get(name, "")
        if unit and trained and _spelled(unit) != _spelled(trained):
            raise ModelError(f"{manifest.name}: channel {own} is in {unit}, the model was trained on {trained}: convert it or train again")


def _spelled(unit: str) -> str:
    return unit.casefold().replace("^", "").replace(" ", "").replace("²", "2").replace("°", "deg")


def sha256(path: Path) -> str:
    """Return the hash of a file. Raises ModelError."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error


def _manifest(path: Path) -> Manifest:
    if not path.is_file():
        raise ModelError(f"{path}: manifest is missing: this folder is not a model")
    try:
        return validated(Manifest, read_yaml(path), path)
    except ConfigError as error:
        raise ModelError(str(error)) from error


def _refuse_foreign(path: Path, manifest: Manifest) -> None:
    pinned = manifest.network
    if manifest.format != FORMAT:
        raise ModelError(f"{path}, format: is {manifest.format}, this version reads {FORMAT}: train the model again")
    if (pinned.name, pinned.version) != (fusion.NAME, fusion.VERSION):
        ours = f"{fusion.NAME} {fusion.VERSION}"
        raise ModelError(f"{path}, network: is {pinned.name} {pinned.version}, this version runs {ours}: train the model again")


def _tensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path}: is not a safetensors file: {error}") from error
