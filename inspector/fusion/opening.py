"""A model folder as the trained network."""

from __future__ import annotations

from pathlib import Path

from inspector.fusion import artefact
from inspector.fusion.artefact import Manifest
from inspector.fusion.ensemble import Ensemble
from inspector.fusion.torch_runtime import TorchRuntime


def open_torch(folder: Path, manifest: Manifest) -> TorchRuntime:
    """Return the trained network of a model folder. Raises ModelError."""
    ensemble = Ensemble(manifest.spec, manifest.network.members)
    ensemble.load(artefact.load_weights(folder, manifest), folder / artefact.WEIGHTS)
    return TorchRuntime(ensemble, manifest.calibration)
