"""The pieces of the trained judge as functions of plain tensors, for an exporter to follow. All arithmetic is the network's own.

What stands here beside it replaces operations that other runtimes have not: means over uneven windows, a distance of all pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from inspector.fusion import export_layout as layout
from inspector.fusion.attribution import PATH_POINTS
from inspector.fusion.backbone import Backbone
from inspector.fusion.batch import Batch, Outputs
from inspector.fusion.calibration import Calibration
from inspector.fusion.counsel import overview_of
from inspector.fusion.defect_numbers import shown_at
from inspector.fusion.ensemble import Ensemble, conflict_of, decision, evidence_of, farthest, twin
from inspector.fusion.memory import GoodMemory
from inspector.fusion.network import FusionNetwork, Reading, together
from inspector.fusion.normality import Normality
from inspector.fusion.picture_encoder import CameraEncoder
from inspector.fusion.spec import NetworkSpec
from inspector.fusion.vision import COARSE_CHANNELS, DEEP_CHANNELS, FINE_CHANNELS, STRIDE_PX
from inspector.parts import Modality

Named = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Piece:
    """A function from named tensors to named tensors, with an example of its inputs."""

    compute: Callable[[Named], Named]
    example: Named
    by_gradient: bool = False


def pieces(ensemble: Ensemble, backbone: Backbone | None, calibration: Calibration) -> dict[str, Piece]:
    """Return all graphs of a judge by name."""
    ensemble = exportable(ensemble)
    spec = ensemble.spec
    found: dict[str, Piece] = {}
    if backbone is not None:
        found[layout.EYE] = _eye(backbone, spec)
    for camera in spec.cameras:
        found[layout.camera_graph(spec, camera)] = _camera(ensemble, camera)
    for modality in layout.heard_modalities(spec):
        found[layout.modality_graph(modality)] = _sense(ensemble, modality)
    found[layout.DECIDE] = Piece(lambda named: _decided(ensemble, named), _block_examples(ensemble, 1))
    for camera in spec.cameras:
        found[layout.cam_graph(spec, camera)] = _where(ensemble, camera)
    if spec.vectors:
        found[layout.WHY] = _why(ensemble, calibration)
    return found


# --- operations that every runtime has -----------------------------------------------------------------------------------------


def exportable(ensemble: Ensemble) -> Ensemble:
    """Return the same ensemble, its weights shared, without operations that exported graphs cannot have."""
    other = twin(ensemble).eval().requires_grad_(False)
    height, width = (side // STRIDE_PX for side in ensemble.spec.image_size)
    for module in list(other.modules()):
        if isinstance(module, CameraEncoder):
            module.pool = WindowMeans((height, width), module.grid)  # type: ignore[assignment]
            module.place = PlaceByPlace(module.place)  # type: ignore[assignment]
        elif isinstance(module, Normality):
            module.known = partial(float, module.count)  # type: ignore[method-assign]
        elif isinstance(module, GoodMemory):
            module.nearest = nearest_by_product  # type: ignore[method-assign]
    return other


class WindowMeans(nn.Module):
    """Adaptive mean pooling of maps of one size as two products with constants."""

    def __init__(self, size: tuple[int, int], grid: tuple[int, int]) -> None:
        super().__init__()
        self.rows, self.columns = (_means(sides, windows) for sides, windows in zip(size, grid, strict=True))

    def forward(self, x: Tensor) -> Tensor:
        return self.rows @ x @ self.columns.T


class PlaceByPlace(nn.Module):
    """A convolution of one place as a product, whose gradient is a product, too."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight.data[:, :, 0, 0], convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        assert self.bias is not None
        return (self.weight @ x.flatten(2) + self.bias[:, None]).view(len(x), -1, *x.shape[2:])


def _means(side: int, windows: int) -> Tensor:
    """Return (windows, side): each row the mean over one of evenly spread windows, which overlap where they do not fit."""
    found = torch.zeros(windows, side)
    for window in range(windows):
        start, end = window * side // windows, -(-(window + 1) * side // windows)
        found[window, start:end] = 1 / (end - start)
    return found


def nearest_by_product(projected: Tensor, known: Tensor) -> Tensor:
    """Return how far each place is from the nearest known one: one product, and a root for each place instead of each pair."""
    squares = torch.addmm((known**2).sum(dim=1), projected, known.T, alpha=-2.0).amin(dim=1) + (projected**2).sum(dim=1)
    return squares.clamp(min=0).sqrt()


# --- one sense each ------------------------------------------------------------------------------------------------------------


def _eye(backbone: Backbone, spec: NetworkSpec) -> Piece:
    def compute(named: Named) -> Named:
        return dict(zip(layout.MAPS, backbone(named["pixels"]), strict=True))

    return Piece(compute, {"pixels": torch.rand(1, 3, *spec.image_size) * 2 - 1})


def _camera(ensemble: Ensemble, camera: str) -> Piece:
    memory = ensemble.memory(camera)

    def compute(named: Named) -> Named:
        fine, coarse, deep = (named[name] for name in layout.MAPS)
        unusual = memory(fine, coarse)
        heard = overview_of((fine, coarse, deep))
        tokens, own, places, drawn = [], [], [], []
        for member in _members(ensemble):
            encoder = _encoder(member, camera)
            x = encoder.drawn_on(fine, coarse, deep, unusual)
            patches, logits, shown = encoder.answer(x, coarse, deep, unusual, encoder.overview(heard))
            tokens.append(member.placed(patches, "image", named["offset"]))
            own.append(logits)
            places.append(shown[:, 0])
            drawn.append(x)
        evidence = torch.stack(places).mean(dim=0)
        numbers, loud = shown_at(evidence, (fine, coarse, deep))
        return {
            f"tokens:{camera}": torch.stack(tokens, dim=1),
            f"own:{camera}": torch.stack(own, dim=1),
            "unusual": unusual,
            "far": farthest(unusual),
            "evidence": evidence,
            "drawn": torch.stack(drawn, dim=1),
            "numbers": numbers,
            "loud": loud,
        }

    return Piece(compute, {**_map_examples(ensemble.spec), "offset": torch.zeros(1, 1)})


def _sense(ensemble: Ensemble, modality: Modality) -> Piece:
    vectors = layout.vectors_of(ensemble.spec, modality)

    def compute(named: Named) -> Named:
        batch = _batch(named, [vector.name for vector in vectors])
        reads = [member.read(batch) for member in _members(ensemble)]
        tokens = {
            f"tokens:{name}" if name else f"token:{modality}": torch.stack([read.tokens.values[place] for read in reads], dim=1)
            for place, name in enumerate(reads[0].tokens.channels)
        }
        numbers = ensemble.standardised(batch, modality)
        assert numbers is not None
        return {
            **tokens,
            f"own:{modality}": torch.stack([read.by_modality[modality] for read in reads], dim=1),
            f"weight:{modality}": reads[0].quality[modality],
            "far": ensemble.distances(batch)[modality],
            "numbers": numbers,
        }

    return Piece(compute, _vector_examples(ensemble.spec, [v.name for v in vectors], 1))


# --- all senses together -------------------------------------------------------------------------------------------------------


def _decided(ensemble: Ensemble, named: Named) -> Named:
    spec = ensemble.spec
    outputs = [member.decide(_reading(spec, number, named)) for number, member in enumerate(_members(ensemble))]
    said = evidence_of(outputs, {})
    found = {
        "logits": torch.stack([o.logits for o in outputs]).mean(dim=0),
        "fused": torch.stack([o.logits[:, 0] for o in outputs], dim=1),
        "evidence": torch.stack([said[name] for name in layout.evidence_names(spec)], dim=1),
        "attention": torch.stack([torch.stack([o.attention[m] for o in outputs]).mean(dim=0) for m in spec.modalities], dim=1),
    }
    return found | ({"conflict": conflict_of(outputs)} if outputs[0].conflict is not None else {})


def _reading(spec: NetworkSpec, member: int, named: Mapping[str, Tensor]) -> Reading:
    """Return what one member read of all channels; those that are absent have no quality."""
    read = Reading()
    _add_pictures(read, spec, member, named)
    for vector in spec.vectors:
        read.tokens.add(named[f"tokens:{vector.name}"][:, member], named[f"quality:{vector.name}"], vector.modality, vector.name)
    for modality in layout.heard_modalities(spec):
        read.by_modality[modality], read.quality[modality] = named[f"own:{modality}"][:, member], named[f"weight:{modality}"]
        read.tokens.add(named[f"token:{modality}"][:, member], named[f"weight:{modality}"], modality)
    return read


def _add_pictures(read: Reading, spec: NetworkSpec, member: int, named: Mapping[str, Tensor]) -> None:
    """Add what one member read of all cameras."""
    for camera in spec.cameras:
        read.tokens.add(named[f"tokens:{camera}"][:, member], named[f"quality:{camera}"], "image", camera)
    if spec.cameras:
        own, weights = ([named[f"{what}:{camera}"] for camera in spec.cameras] for what in ("own", "quality"))
        read.by_modality["image"], read.quality["image"] = together([one[:, member] for one in own], weights)


# --- gradients -----------------------------------------------------------------------------------------------------------------


def _where(ensemble: Ensemble, camera: str) -> Piece:
    """Grad-CAM (Selvaraju et al., 2017) of the fused defect logit on the encoder's last map, members averaged."""
    spec = ensemble.spec
    examples = {
        **_block_examples(ensemble, 1),
        "drawn": torch.randn(1, len(ensemble.members), spec.map_width, *_sides(spec, STRIDE_PX)),
        "unusual": torch.randn(1, 1, *_sides(spec, STRIDE_PX)),
        **_map_examples(spec),
        "offset": torch.zeros(1, 1),
    }

    def compute(named: Named) -> Named:
        cams = []
        said = torch.zeros(1, len(spec.kinds))  # the overview tells kinds apart and says nothing of the defect itself
        for number, member in enumerate(_members(ensemble)):
            encoder = _encoder(member, camera)
            x = named["drawn"][:, number].detach().requires_grad_(True)
            with torch.enable_grad():
                patches, own, _ = encoder.answer(x, named["coarse"], named["deep"], named["unusual"], said)
                changed = {
                    f"tokens:{camera}": _as_all(member.placed(patches, "image", named["offset"]), ensemble),
                    f"own:{camera}": _as_all(own, ensemble),
                }
                logit = member.decide(_reading(spec, number, {**named, **changed})).logits[:, 0].sum()
                (gradient,) = torch.autograd.grad(logit, x)
            cams.append((gradient.mean(dim=(2, 3), keepdim=True) * x.detach()).sum(dim=1).clamp(min=0))
        return {"cam": torch.stack(cams).mean(dim=0)}

    return Piece(compute, examples, by_gradient=True)


def _why(ensemble: Ensemble, calibration: Calibration) -> Piece:
    """Gradient of the decision by every number of the signals, at several points at once; cameras are held as they were read."""
    spec = ensemble.spec
    names = [vector.name for vector in spec.vectors]
    held = [name for name in layout.blocks(spec) if name.partition(":")[2] in spec.cameras]
    rows = PATH_POINTS
    examples = {**_vector_examples(spec, names, rows), **{k: v for k, v in _block_examples(ensemble, rows).items() if k in held}}
    leaves = [f"{what}:{name}" for name in names for what in ("summary", "steps")]

    def compute(named: Named) -> Named:
        named = {**named, **{leaf: named[leaf].detach().requires_grad_(True) for leaf in leaves}}
        with torch.enable_grad():
            batch = _batch(named, names)
            outputs: list[Outputs] = []
            for number, member in enumerate(_members(ensemble)):
                read = member.read(batch)
                _add_pictures(read, spec, number, named)
                outputs.append(member.decide(read))
            odds = decision(outputs, ensemble.distances(batch), calibration, len(spec.kinds)).sum()
            found = torch.autograd.grad(odds, [named[leaf] for leaf in leaves], allow_unused=True)
        return {f"gradient:{leaf}": torch.zeros_like(named[leaf]) if one is None else one for leaf, one in zip(leaves, found, strict=True)}

    return Piece(compute, examples, by_gradient=True)


def _as_all(value: Tensor, ensemble: Ensemble) -> Tensor:
    """Return one member's value in every member's place: only its own is read."""
    return torch.stack([value] * len(ensemble.members), dim=1)


# --- examples ------------------------------------------------------------------------------------------------------------------


def _sides(spec: NetworkSpec, stride_px: int) -> tuple[int, int]:
    height, width = spec.image_size
    return height // stride_px, width // stride_px


def _map_examples(spec: NetworkSpec) -> Named:
    channels = (FINE_CHANNELS, COARSE_CHANNELS, DEEP_CHANNELS)
    return {
        name: torch.randn(1, count, *_sides(spec, STRIDE_PX * 2**level))
        for level, (name, count) in enumerate(zip(layout.MAPS, channels, strict=True))
    }


def _vector_examples(spec: NetworkSpec, names: Sequence[str], rows: int) -> Named:
    found: Named = {}
    for vector in spec.vectors:
        if vector.name in names:
            found[f"summary:{vector.name}"] = torch.randn(rows, vector.summary)
            found[f"steps:{vector.name}"] = torch.randn(rows, vector.steps, vector.step_size)
            found[f"offsets:{vector.name}"] = torch.linspace(-1, 0, vector.steps).repeat(rows, 1)
            found[f"quality:{vector.name}"] = torch.ones(rows)
    return found


def _block_examples(ensemble: Ensemble, rows: int) -> Named:
    """Return what the senses' graphs tell of made-up channels."""
    spec = ensemble.spec
    found: Named = {}
    with torch.no_grad():
        for camera in spec.cameras:
            piece = _camera(ensemble, camera)
            found |= piece.compute(piece.example) | {f"quality:{camera}": torch.ones(1)}
        for modality in layout.heard_modalities(spec):
            sense = _sense(ensemble, modality)
            found |= sense.compute(sense.example)
            found |= {name: value for name, value in sense.example.items() if name.startswith("quality:")}
    return {name: found[name].repeat(rows, *[1] * (found[name].ndim - 1)) for name in layout.blocks(spec)}


def _batch(named: Named, names: Sequence[str]) -> Batch:
    return Batch(
        summaries={name: named[f"summary:{name}"] for name in names},
        steps={name: named[f"steps:{name}"] for name in names},
        offsets_s={name: named[f"offsets:{name}"] for name in names},
        quality={name: named[f"quality:{name}"] for name in names},
    )


def _members(ensemble: Ensemble) -> list[FusionNetwork]:
    return [member for member in ensemble.members if isinstance(member, FusionNetwork)]


def _encoder(member: FusionNetwork, camera: str) -> CameraEncoder:
    encoder = member.cameras[member.spec.cameras.index(camera)]
    assert isinstance(encoder, CameraEncoder)
    return encoder
