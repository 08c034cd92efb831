"""Features -> Verdict: one network over picture, sound, vibration and series, its calibration, its heat maps, its artefact."""

from inspector.fusion.judge import Judge
from inspector.fusion.localization import Localization

__all__ = ["Judge", "Localization"]
