"""Parts made from numbers alone: a tone in one channel or a level in another tells the kind."""

from types import SimpleNamespace

import numpy as np

from inspector.features import Features
from inspector.features.content import Vectors
from inspector.fusion.spec import NetworkSpec, VectorSpec
from inspector.training.batches import Table

SPEC = NetworkSpec(
    cameras=(),
    image_size=(64, 64),
    vectors=(VectorSpec("mic", "audio", 6, 2, 4), VectorSpec("temp", "series", 5, 2, 4), VectorSpec("flow", "series", 5, 2, 4)),
    kinds=("burr", "crack"),
    causes=(),
    width=16,
    map_width=16,
    layers=1,
    dropout=0.0,
)
LABELS = ("ok", "ok", "burr", "crack")


def made_table(labels=LABELS * 4, spec=SPEC):
    random = np.random.default_rng(0)
    return Table([_sample(label, spec, random) for label in labels], spec, {})


def _sample(label, spec, random):
    vectors = {}
    for vector in spec.vectors:
        summary = random.normal(0, 1, vector.summary) + 3 * LABELS.index(label)
        steps = random.normal(0, 1, (vector.steps, vector.step_size))
        vectors[vector.name] = Vectors(vector.modality, *(np.asarray(v, np.float32) for v in (summary, steps, np.zeros(vector.steps))))
    features = Features(None, vectors=vectors, quality=dict.fromkeys(vectors, 1.0))
    name = str(random.random())
    return SimpleNamespace(
        part=SimpleNamespace(part_id=name, label=label, cause=None),
        features=features,
        defective=label != "ok",
        group=name,
        views={},
        altered=[],
    )
