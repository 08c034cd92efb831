from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

from inspector.errors import ModelError
from inspector.features import Features
from inspector.features.content import Vectors
from inspector.fusion import Judge, artefact
from inspector.fusion.artefact import Manifest, PinnedFile, PinnedNetwork, TrainedOn
from inspector.fusion.calibration import Calibration
from inspector.fusion.ensemble import Ensemble
from inspector.fusion.known_kinds import KnownDefects, Recognition
from inspector.fusion.spec import NAME, VERSION, NetworkSpec, VectorSpec
from inspector.fusion.torch_runtime import TorchRuntime

SPEC = NetworkSpec(
    cameras=(), image_size=(64, 64), vectors=(VectorSpec("mic", "audio", 20, 4, 8),), kinds=("crack",), causes=(), width=32, map_width=16
)


def manifest() -> Manifest:
    return Manifest(
        format=artefact.FORMAT,
        name="test",
        version="1.0.0",
        network=PinnedNetwork(
            name=NAME,
            version=VERSION,
            members=2,
            cameras=[],
            image_size=(64, 64),
            vectors=list(SPEC.vectors),
            width=32,
            map_width=16,
            layers=2,
            heads=4,
            dropout=0.2,
        ),
        backbone=None,
        weights=PinnedFile(name=artefact.WEIGHTS, sha256="0" * 64),
        modalities=["audio"],
        channels={"mic": "audio"},
        kinds=["crack"],
        causes=[],
        calibration=Calibration(mode="learned", evidence={"fused": 1.0}),
        training=TrainedOn(data="d", data_sha256="0" * 64, parts={"train": 1}, seed=0, recipe={}),
    )


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    artefact.save(tmp_path / "m", manifest(), Ensemble(SPEC, 2).state_dict(), "# card\n")
    return tmp_path / "m"


def edit(folder, **changes):
    path = folder / artefact.MANIFEST
    content = yaml.safe_load(path.read_text())
    for dotted, value in changes.items():
        place = content
        *parents, last = dotted.split("__")
        for name in parents:
            place = place[name]
        place[last] = value
    path.write_text(yaml.safe_dump(content))


def refused(folder) -> str:
    with pytest.raises(ModelError) as error:
        Judge.load(folder)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_a_saved_model_is_read_back_with_its_hash(folder):
    judge = Judge.load(folder)
    assert judge.ref.sha256 == artefact.sha256(folder / artefact.WEIGHTS)
    assert judge.manifest.spec == SPEC


def test_a_folder_that_is_no_model_is_named(tmp_path):
    assert "not a model folder" in refused(tmp_path / "nothing")
    assert "manifest is missing" in refused(tmp_path)


def test_damaged_weights_are_refused(folder):
    weights = folder / artefact.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert "hash does not match" in refused(folder)


def test_missing_weights_are_refused(folder):
    (folder / artefact.WEIGHTS).unlink()
    assert "weights are missing" in refused(folder)


def test_a_file_that_is_not_safetensors_is_refused_even_with_its_hash(folder):
    weights = folder / artefact.WEIGHTS
    weights.write_bytes(b"\x80\x04not weights")
    edit(folder, weights__sha256=artefact.sha256(weights))
    assert "not a safetensors file" in refused(folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"colour": "red"}, "colour"),
        ({"network__members": 3}, "weights do not fit"),
        ({"network__version": VERSION + 1}, "train the model again"),
        ({"format": 99}, "this version reads"),
        ({"kinds": ["crack", "burr"]}, "weights do not fit"),
        ({"calibration__mode": "guess"}, "calibration.mode"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused_by_its_key(folder, changes, words):
    edit(folder, **changes)
    assert words in refused(folder)


def test_a_manifest_that_is_not_yaml_is_refused(folder):
    (folder / artefact.MANIFEST).write_text("a: [")
    assert "not valid YAML" in refused(folder)


RECOGNITION = Recognition(modality="audio", limit=0.6, auroc=0.9, found=0.7, mistaken=0.02, used=True)
KNOWN = KnownDefects(np.zeros(20, np.float32), np.ones(20, np.float32), np.eye(20, dtype=np.float32)[:3])


@pytest.mark.parametrize("used", [True, False])
def test_known_defects_are_read_where_they_are_used_and_pinned(tmp_path, used):
    recognition = RECOGNITION.model_copy(update={"used": used})
    artefact.save(tmp_path, manifest().model_copy(update={"recognition": recognition}), Ensemble(SPEC, 2).state_dict(), "", known=KNOWN)
    saved, _ = artefact.load(tmp_path)
    assert (artefact.load_known_defects(tmp_path, saved) is not None) == used
    (tmp_path / "known_defects.npz").write_bytes(b"another")
    if used:
        with pytest.raises(ModelError, match="hash does not match"):
            artefact.load_known_defects(tmp_path, saved)


def test_a_defect_unlike_all_known_ones_is_called_unknown():
    changed = {"recognition": RECOGNITION, "calibration": Calibration(mode="kinds_only")}
    judge = Judge(manifest().model_copy(update=changed), TorchRuntime(Ensemble(SPEC, 2), changed["calibration"]), known=KNOWN)
    ways = np.eye(20, dtype=np.float32)
    steps, offsets_s = np.zeros((4, 8), np.float32), np.zeros(4, np.float32)
    kinds = []
    for summary in (4 * ways[1], 4 * ways[9]):
        features = Features(None, vectors={"mic": Vectors("audio", summary, steps, offsets_s)}, quality={"mic": 1.0})
        kinds.append(judge.judge(features).defects[0].kind)
    assert kinds == ["crack", "unknown"]
    deaf = replace(features, quality={"mic": 0.1})
    assert judge.judge(deaf).defects[0].kind == "crack", "what can hardly be heard does not look new"
