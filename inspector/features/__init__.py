"""PartRecord -> Features: pictures, spectra, trends and the quality of each channel. Not here: torch, thresholds of a verdict."""

from inspector.features.content import Features, Picture, Vectors
from inspector.features.extract import extract

__all__ = ["Features", "Picture", "Vectors", "extract"]
