"""PartRecord -> Features: pictures, spectra, trends and the quality of each channel. Not here: torch, thresholds of a verdict."""

from inspector.features.content import Features, Picture, Vectors
from inspector.features.extract import extract, meanings
from inspector.features.meaning import Meaning, Meanings

__all__ = ["Features", "Meaning", "Meanings", "Picture", "Vectors", "extract", "meanings"]
