"""Which runtime serves a model here: its export where that is proven, else the trained network."""

from __future__ import annotations

import logging
from pathlib import Path

from inspector.errors import ModelError
from inspector.fusion.artefact import Manifest
from inspector.fusion.runtime import Runtime

_log = logging.getLogger(__name__)


def serve_by(folder: Path, manifest: Manifest) -> tuple[Runtime, str | None]:
    """Return what computes a model here, and why its export does not where there is one. Raises ModelError."""
    if manifest.export is None:
        return by_trained(folder, manifest), None
    from inspector.fusion.export_folder import open_exported

    try:
        return open_exported(folder, manifest), None
    except ModelError as error:
        reason = str(error)
    _log.warning("%s; the trained network stays in service", reason)
    try:
        return by_trained(folder, manifest), reason
    except ModelError as error:
        raise ModelError(f"{reason}; nor can the trained network serve: {error}") from error


def by_trained(folder: Path, manifest: Manifest) -> Runtime:
    """Return the trained network, whatever export lies beside it. Raises ModelError."""
    try:
        from inspector.fusion.opening import open_torch  # torch: seconds that only those who use it should pay
    except ImportError as error:
        raise ModelError(
            f"{folder}: needs {error.name}, which is not installed: install line-inspector[train], or export the model elsewhere"
        ) from error
    return open_torch(folder, manifest)
