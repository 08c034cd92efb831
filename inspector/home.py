"""Where an installation keeps its things."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from inspector.errors import ModelError

DEMO_MODEL = "models/demo-press"


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of one installation. Nothing is created until something is written."""

    root: Path

    @classmethod
    def at(cls, root: Path | str | None) -> Home:
        """Return the installation at `root`; without one, `$INSPECTOR_HOME` or the user's data folder."""
        if root is None:
            root = os.environ.get("INSPECTOR_HOME")
        if root is None:
            from platformdirs import user_data_dir

            root = user_data_dir("line-inspector")
        return cls(Path(root).expanduser())

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL: `$INSPECTOR_DATABASE_URL`, or the embedded SQLite file."""
        return os.environ.get("INSPECTOR_DATABASE_URL") or f"sqlite:///{self.root / 'inspector.db'}"

    @property
    def evidence(self) -> Path:
        return self.root / "evidence"

    @property
    def causes(self) -> Path:
        """What people of this installation add to the catalogue of causes, or change in it; may not be there."""
        return self.root / "causes.yaml"

    @property
    def imported_causes(self) -> Path:
        """What was imported into the catalogue of causes; `causes` counts for more. May not be there."""
        return self.root / "causes-imported.yaml"

    @property
    def recordings(self) -> Path:
        return self.root / "recordings"

    @property
    def replays(self) -> Path:
        """Replays that were kept to be looked at, a folder each."""
        return self.root / "replays"

    @property
    def models(self) -> Path:
        """Models of this installation, beside those that ship: <name>/<version>/."""
        return self.root / "models"


def known_models(home: Home) -> list[Path]:
    """Return the folders of all models that this installation can judge with, by name and version."""
    return sorted(path.parent for place in (shipped("models"), home.models) for path in place.glob("*/*/manifest.yaml"))


def shipped(relative: str) -> Path:
    """Return a file or folder that ships with the product, e.g. `data/knowledge/causes.yaml`.

    It lies in the checkout, or under the environment's `share/line-inspector` where the product was installed from a wheel.
    """
    checkout = Path(__file__).resolve().parents[1] / relative
    return checkout if checkout.exists() else Path(sys.prefix) / "share" / "line-inspector" / relative


def newest_version(model: str) -> Path:
    """Return the newest version's folder of a shipped model, e.g. of `models/demo-press`. Raises ModelError."""
    folder = shipped(model)
    versions = [path for path in folder.glob("*.*.*") if (path / "manifest.yaml").is_file()]
    if not versions:
        raise ModelError(f"{folder}: no model is there; 'make demo-model' trains the one of the demo")
    return max(versions, key=lambda path: [int(number) for number in path.name.split(".")])
