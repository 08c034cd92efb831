"""Recipes: what a person may choose about training. Everything else is found from the data. Unknown keys are errors."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from inspector.config import PromiseConfig, read_yaml, validated


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PictureRecipe(_Model):
    area_px: int = Field(default=81_920, ge=64 * 64, le=1024 * 1024)
    """Pictures are brought to about this many pixels, in the median aspect of the training pictures."""
    views: int = Field(default=3, ge=1, le=16)
    """The picture itself and this many less one altered copies go through the frozen blocks once, before training."""
    transplants: int = Field(default=2, ge=0, le=16)
    """Copies of each defect that has a mask on pictures of good parts; every two of them save an altered copy."""
    invented: int = Field(default=2, ge=0, le=16)
    """Copies of each picture with a made-up defect, where no training part is defective."""


class SignalRecipe(_Model):
    views: int = Field(default=0, ge=0, le=16)
    """Altered copies of each training part's sounds, vibrations and series: other gain, background and tempo, some made bad."""


class NetworkRecipe(_Model):
    width: int = Field(default=96, ge=16, le=512, multiple_of=8)
    map_width: int = Field(default=32, ge=16, le=256, multiple_of=8)
    layers: int = Field(default=2, ge=1, le=8)
    heads: int = Field(default=4, ge=1, le=8)
    dropout: float = Field(default=0.2, ge=0, lt=1)


class OptimizerRecipe(_Model):
    epochs_with_pictures: int = Field(default=24, ge=1, le=500)
    epochs_without_pictures: int = Field(default=50, ge=1, le=2000)
    batch: int = Field(default=32, ge=2, le=512)
    learning_rate: float = Field(default=2e-3, gt=0, le=0.1)
    weight_decay: float = Field(default=0.05, ge=0, le=1)
    modality_dropout: float = Field(default=0.2, ge=0, lt=1)
    """Chance that a part's modality is hidden for one step, so that every other one learns to stand alone."""
    channel_dropout: float = Field(default=0.05, ge=0, lt=1)
    """The same for one of several channels of a modality."""
    mixed_share: float = Field(default=0.2, ge=0, lt=1)
    """Share of parts that get a modality of another part for one step: a conflict to be seen where the two are unlike."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5)
    """This share of belief stays with the opposite of what a part's label says, as labels are wrong at times."""
    balance: float = Field(default=0.0, ge=0, le=1)
    """0: every part is seen once an epoch; 1: every label as often as every other; between: towards it."""


class PretrainingRecipe(_Model):
    epochs: int = Field(default=0, ge=0, le=1000)
    """Times through all training parts, labels unread, before the learning proper; 0: none."""
    mask_share: float = Field(default=0.4, gt=0, lt=1)
    """Share of tokens that are hidden and to be guessed."""
    modality_dropout: float = Field(default=0.2, ge=0, lt=1)
    learning_rate: float = Field(default=1e-3, gt=0, le=0.1)


class EngineRecipe(_Model):
    """On what the learning runs; the same model comes out within rounding."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["float32", "bfloat16"] = "float32"
    accumulate: int = Field(default=1, ge=1, le=64)
    """A batch goes through the network in this many pieces: less memory, the same steps."""
    checkpoint_s: float = Field(default=20.0, ge=0)
    """Seconds of learning that a killed run may lose."""


class DecisionRecipe(_Model):
    false_reject_budget: float = Field(default=0.05, gt=0, lt=0.5)
    """At most this share of good parts is promised to be rejected; above that threshold, misses and rejects are weighed."""
    confidence: float = Field(default=0.9, ge=0.5, lt=1)
    """How sure that promise must be."""
    miss_cost: float = Field(default=5.0, gt=0)
    """What a missed defect costs, in rejects of good parts."""
    review_budget: float = Field(default=0.03, ge=0, lt=0.5)
    """A further share of good parts that people may be asked to look at."""

    @property
    def promise(self) -> PromiseConfig:
        return PromiseConfig(false_reject_share=self.false_reject_budget, confidence=self.confidence)


class Recipe(_Model):
    """How to train a model on any labelled parts folder."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)
    version: str = Field(default="1.0.0", pattern=r"^\d+\.\d+\.\d+$")
    members_with_pictures: int = Field(default=2, ge=1, le=10)
    members_without_pictures: int = Field(default=3, ge=1, le=20)
    picture: PictureRecipe = PictureRecipe()
    signal: SignalRecipe = SignalRecipe()
    network: NetworkRecipe = NetworkRecipe()
    optimizer: OptimizerRecipe = OptimizerRecipe()
    pretraining: PretrainingRecipe = PretrainingRecipe()
    engine: EngineRecipe = EngineRecipe()
    decision: DecisionRecipe = DecisionRecipe()


def load_recipe(path: Path | str) -> Recipe:
    """Read and check a recipe. Raises ConfigError that names the key."""
    return validated(Recipe, read_yaml(path), path)
