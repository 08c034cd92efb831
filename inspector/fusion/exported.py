"""An exported judge: its graphs run by ONNX Runtime. Nothing here, or below it, knows torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector.errors import ModelError
from inspector.features import Features
from inspector.fusion import export_layout as layout
from inspector.fusion.attribution import Numbers
from inspector.fusion.opinion import CONFLICT, Opinion
from inspector.fusion.spec import NetworkSpec
from inspector.fusion.vision import to_input
from inspector.parts import Modality

Array = NDArray[np.float32]
Named = dict[str, Array]

THREADS = 1
"""Of one judge. The other cores are left to capture, to explain and to other stations."""


@dataclass(frozen=True, slots=True)
class PartRead:
    """What each sense of a part says by itself; absent ones are not there."""

    quality: Mapping[str, float]
    sights: dict[str, Named] = field(default_factory=dict)
    """Camera -> its maps, when it was taken, and what its graph makes of them."""
    inputs: dict[Modality, Named] = field(default_factory=dict)
    """Modality -> the numbers of its channels."""
    senses: dict[Modality, Named] = field(default_factory=dict)
    """Modality -> what its graph makes of them."""


class ExportedRuntime:
    """The graphs of one exported judge. Safe to use from several threads."""

    def __init__(self, graphs: Mapping[str, Path], spec: NetworkSpec, precision: str, threads: int = THREADS) -> None:
        import onnxruntime

        self._spec, self._precision = spec, precision
        self._graphs = {name: Graph(path, threads) for name, path in graphs.items()}
        self._version = onnxruntime.__version__

    @property
    def words(self) -> str:
        return f"onnxruntime {self._version}, {self._precision}"

    def warm_up(self) -> None:
        """Run every graph once: memory is planned at the first run."""
        for graph in self._graphs.values():
            graph.run(graph.zeros)

    def read(self, features: Features, matched: Mapping[str, str], quality: Mapping[str, float]) -> list[PartRead]:
        found = PartRead(dict(quality))
        for camera in self._spec.cameras:
            if camera in matched and quality[camera] > 0:
                picture = features.pictures[matched[camera]]
                offset = np.array([[picture.offset_s]], np.float32)
                found.sights[camera] = self._sight(camera, self._maps(picture.pixels), offset)
        for modality in layout.heard_modalities(self._spec):
            named = self._heard(modality, features, matched, quality)
            if named is not None:
                found.inputs[modality] = named
                found.senses[modality] = self._graphs[layout.modality_graph(modality)].run(named)
        return [found]

    def ask(self, read: list[PartRead]) -> Opinion:
        told = [self._graphs[layout.DECIDE].run(self._blocks(one)) for one in read]
        logits = np.concatenate([one["logits"] for one in told]).astype(np.float64)
        kinds = len(self._spec.kinds)
        attention: list[dict[Modality, float]] = []
        for part, one in zip(read, told, strict=True):
            shares = zip(self._spec.modalities, one["attention"][0].tolist(), strict=True)
            attention.append({modality: share for modality, share in shares if self._present(part, modality)})
        return Opinion(
            evidence=[self._evidence(part, one) for part, one in zip(read, told, strict=True)],
            kind_logits=logits[:, 1 : 1 + kinds],
            cause_logits=logits[:, 1 + kinds :],
            attention=attention,
            fused=np.concatenate([one["fused"] for one in told]).astype(np.float64),
        )

    def maps(self, read: list[PartRead], camera: str) -> list[Array]:
        return [read[0].sights[camera][name] for name in layout.MAPS]

    def without(self, read: list[PartRead], camera: str, maps: list[Array]) -> list[PartRead]:
        part = read[0]
        rows = []
        for row in range(len(maps[0])):
            named = {name: one[row : row + 1] for name, one in zip(layout.MAPS, maps, strict=True)}
            sight = self._sight(camera, named, part.sights[camera]["offset"])
            rows.append(replace(part, sights={**part.sights, camera: sight}))
        return rows

    def ways(self, read: list[PartRead], camera: str) -> tuple[Array, Array, Array]:
        sight = read[0].sights[camera]
        cam = self._graphs[layout.cam_graph(self._spec, camera)].run({**self._blocks(read[0]), **sight})["cam"][0]
        return sight["evidence"][0], cam, sight["unusual"][0, 0]

    def finest(self, pixels: NDArray[np.uint8]) -> Array:
        return np.asarray(self._maps(pixels)["fine"][0])

    def gradients(self, read: list[PartRead], path: Numbers) -> Numbers:
        graph = self._graphs[layout.WHY]
        named = self._blocks(read[0])
        for inputs in read[0].inputs.values():
            named |= inputs
        points = len(next(iter(path.values()))[0])
        named = {name: np.repeat(value, points, axis=0) for name, value in named.items()}
        for channel, (summary, steps) in path.items():
            named |= {f"summary:{channel}": summary, f"steps:{channel}": steps}
        found = graph.run({**graph.zeros, **named})
        return {channel: (found[f"gradient:summary:{channel}"], found[f"gradient:steps:{channel}"]) for channel in path}

    def numbers(self, read: list[PartRead], opinion: Opinion, modality: Modality) -> Array | None:  # noqa: ARG002 - of every runtime
        part = read[0]
        if modality != "image":
            return np.asarray(part.senses[modality]["numbers"][0]) if modality in part.senses else None
        if not part.sights:
            return None
        loudest = max(part.sights, key=lambda camera: float(part.sights[camera]["loud"][0]) + math.log(max(part.quality[camera], 1e-6)))
        return np.asarray(part.sights[loudest]["numbers"][0])

    def _maps(self, pixels: NDArray[np.uint8]) -> Named:
        return self._graphs[layout.EYE].run({"pixels": to_input(pixels, self._spec.image_size)[None]})

    def _sight(self, camera: str, maps: Named, offset: Array) -> Named:
        named = {**maps, "offset": offset}
        return {**named, **self._graphs[layout.camera_graph(self._spec, camera)].run(named)}

    def _heard(self, modality: Modality, features: Features, matched: Mapping[str, str], quality: Mapping[str, float]) -> Named | None:
        """Return the numbers of a modality's channels, absent ones with no quality; None where all are absent."""
        vectors = layout.vectors_of(self._spec, modality)
        present = [vector.name for vector in vectors if vector.name in matched and quality[vector.name] > 0]
        if not present:
            return None
        named = dict(self._graphs[layout.modality_graph(modality)].zeros)
        for vector in vectors:
            named[f"quality:{vector.name}"] = np.array([quality[vector.name] if vector.name in present else 0.0], np.float32)
        for name in present:
            found = features.vectors[matched[name]]
            values = {"summary": found.summary, "steps": found.steps, "offsets": found.offsets_s}
            named |= {f"{what}:{name}": np.asarray(value, np.float32)[None] for what, value in values.items()}
        return named

    def _blocks(self, part: PartRead) -> Named:
        """Return what the trunk reads of a part; of what is absent, nothing of no quality."""
        named = dict(self._graphs[layout.DECIDE].zeros)
        for camera, sight in part.sights.items():
            named |= {name: sight[name] for name in (f"tokens:{camera}", f"own:{camera}")}
            named[f"quality:{camera}"] = np.array([part.quality[camera]], np.float32)
        for modality, sense in part.senses.items():
            named |= {name: value for name, value in sense.items() if name in named}
            named |= {name: value for name, value in part.inputs[modality].items() if name in named}
        return named

    def _evidence(self, part: PartRead, told: Named) -> dict[str, float]:
        names = zip(layout.evidence_names(self._spec), told["evidence"][0].tolist(), strict=True)
        found = {name: value for name, value in names if name == "fused" or self._present(part, name.partition("_")[2])}
        if part.sights:
            found["distance_image"] = max(float(sight["far"][0]) * part.quality[camera] for camera, sight in part.sights.items())
        found |= {f"distance_{modality}": float(sense["far"][0]) for modality, sense in part.senses.items()}
        conflict = float(told[CONFLICT][0]) if CONFLICT in told else math.nan
        return found | ({CONFLICT: conflict} if math.isfinite(conflict) else {})

    def _present(self, part: PartRead, modality: str) -> bool:
        return bool(part.sights) if modality == "image" else modality in part.senses


class Graph:
    """One graph, by the names of its inputs and outputs."""

    def __init__(self, path: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ModelError(f"{path}: is no graph that onnxruntime {onnxruntime.__version__} can run: export the model again") from error
        self._inputs: list[str] = [one.name for one in self._session.get_inputs()]
        self._outputs: list[str] = [one.name for one in self._session.get_outputs()]
        self.zeros: Named = {one.name: np.zeros(one.shape, np.float32) for one in self._session.get_inputs()}
        """An input for every name; what is not given is nothing."""

    def run(self, named: Mapping[str, Array]) -> Named:
        """Return all outputs; inputs that the graph does not read are left aside."""
        found: Iterable[Any] = self._session.run(self._outputs, {name: named[name] for name in self._inputs})
        return dict(zip(self._outputs, found, strict=True))
