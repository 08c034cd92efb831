"""An exported judge gives the trained network's verdict, map and reasons; and serves only where that is proven."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from inspector.errors import ModelError
from inspector.features import extract
from inspector.fusion import Judge, artefact, export_folder
from inspector.fusion.artefact import Manifest, PinnedFile, PinnedNetwork, TrainedOn
from inspector.fusion.calibration import Calibration
from inspector.fusion.certifying import recertified
from inspector.fusion.ensemble import Ensemble
from inspector.fusion.export_folder import Certificate, Export, Machine, write_export
from inspector.fusion.exporting import certified, trained_judge, write_graphs
from inspector.fusion.good_parts import GoodParts
from inspector.fusion.known_kinds import KnownDefects, Recognition
from inspector.fusion.spec import NetworkSpec, VectorSpec
from inspector.fusion.vision import NAME as BACKBONE
from inspector.fusion.vision import weights_sha256
from inspector.parts import MODALITIES
from inspector.testing import make_part

pytest.importorskip("onnx", reason="exporting needs the extra [export]")
pytest.importorskip("onnxruntime", reason="running an export needs the extra [edge]")


def features(seed, modalities=MODALITIES):
    return extract(make_part(f"part-{seed}", seed=seed, modalities=modalities))


def spec_of(part):
    vectors = [
        VectorSpec(name, found.modality, len(found.summary), *found.steps.shape)
        for name, found in part.vectors.items()
        if name in ("audio", "series")
    ]
    return NetworkSpec(("image",), (64, 96), tuple(vectors), ("crack", "burr"), ("worn",), width=32, map_width=16, layers=1)


def manifest_of(spec, members):
    evidence = {"fused": 0.7, "own_audio": 0.3, "distance_image": 0.05, "distance_audio": 0.1}
    return Manifest(
        format=artefact.FORMAT,
        name="test",
        version="1.0.0",
        network=PinnedNetwork.of(spec, members),
        backbone=PinnedFile(name=BACKBONE, sha256=weights_sha256()),
        weights=PinnedFile(name=artefact.WEIGHTS, sha256="0" * 64),
        modalities=list(spec.modalities),
        channels={"image": "image", "audio": "audio", "series": "series"},
        kinds=list(spec.kinds),
        causes=list(spec.causes),
        calibration=Calibration(mode="learned", evidence=evidence, offset=0.1, conflict_from=9.0),
        recognition=Recognition(modality="image", limit=0.5, auroc=0.9, found=0.7, mistaken=0.01, used=True),
        training=TrainedOn(data="d", data_sha256="0" * 64, parts={"train": 1}, seed=0, recipe={}),
    )


def learned(spec):
    """An ensemble whose memory, forests and scales hold something, as after a training."""
    torch.manual_seed(0)
    ensemble = Ensemble(spec, 2)
    for memory in ensemble.memories:
        memory.count, memory.projection = torch.tensor([200.0]), torch.randn_like(memory.projection) / 12
        memory.patches[:200] = torch.randn(200, memory.patches.shape[1])
    for normality in ensemble.normalities.values():
        normality.count, normality.knots = torch.tensor([30.0]), torch.randn_like(normality.knots).sort(dim=1).values
    for name, value in ensemble.named_buffers():
        if name.endswith((".threshold", ".leaves", ".weight", ".answered")):
            value.copy_(torch.rand_like(value))
    return ensemble


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A model folder with its export, certified by parts like those of the tests."""
    folder = tmp_path_factory.mktemp("models") / "m"
    part = features(0)
    spec = spec_of(part)
    good = GoodParts(means={n: (np.zeros_like(v.summary), np.zeros_like(v.steps)) for n, v in part.vectors.items() if n != "vibration"})
    known = KnownDefects(np.zeros(344, np.float32), np.ones(344, np.float32), np.eye(344, dtype=np.float32)[:3])
    artefact.save(folder, manifest_of(spec, 2), learned(spec).state_dict(), "# card\n", good, known)
    trained, runtime = trained_judge(folder)
    export = write_graphs(folder, runtime, trained.manifest)
    golden = [(f"g{seed}", features(seed)) for seed in range(export_folder.FEWEST_PARTS)]
    write_export(folder, trained.manifest, certified(folder, trained, export, golden, "made up"))
    return folder


@pytest.fixture
def folder(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / "m")


def changed(folder, **update):
    """Write the export anew with other words of its own, pinned as it should be."""
    manifest = artefact.load_manifest(folder)
    export = Export.model_validate_json((folder / "onnx" / "export.json").read_bytes())
    write_export(folder, manifest, export.model_copy(update=update))


@pytest.mark.parametrize("modalities", [MODALITIES, ("image",), ("audio",), ("series", "audio"), ("image", "series")])
def test_an_exported_judge_says_what_the_trained_one_says(exported, modalities):
    trained, served = trained_judge(exported)[0], Judge.load(exported)
    assert served.served_by.startswith("onnxruntime")
    part = features(7, modalities)
    ours, theirs = trained.judge(part), served.judge(part)
    assert theirs.score == pytest.approx(ours.score, abs=1e-4)
    assert (theirs.outcome, theirs.reasons, theirs.defects[:1] and theirs.defects[0].kind) == (
        ours.outcome,
        ours.reasons,
        ours.defects[:1] and ours.defects[0].kind,
    )
    for one, other in (
        (ours.kind_probabilities, theirs.kind_probabilities),
        (ours.cause_probabilities, theirs.cause_probabilities),
        (ours.weights, theirs.weights),
    ):
        assert other == pytest.approx(one, abs=1e-3)
    assert theirs.score_interval == pytest.approx(ours.score_interval, abs=1e-3)


def test_places_and_reasons_are_the_trained_ones(exported):
    trained, served = trained_judge(exported)[0], Judge.load(exported)
    part = features(7)
    verdict = trained.judge(part)
    ours, theirs = trained.localize(part, verdict), served.localize(part, verdict)
    for way, by_camera in ours.maps.items():
        assert np.corrcoef(by_camera["image"].ravel(), theirs.maps[way]["image"].ravel())[0, 1] > 0.9999
    assert theirs.heat_maps[0].faithfulness == pytest.approx(ours.heat_maps[0].faithfulness, abs=1e-2)
    assert [a.channel for a in trained.attribute(part, verdict)] == [a.channel for a in served.attribute(part, verdict)]
    assert served.looks(part)["image"] == pytest.approx(trained.looks(part)["image"], abs=1e-3)


def test_what_is_absent_is_not_computed(exported):
    served = Judge.load(exported)
    read = served.seen(features(3, ("audio",)))[0]
    assert list(read.senses) == ["audio"]
    assert not read.sights


TORCH_FREE = """
import sys
from inspector.features import extract
from inspector.fusion import Judge
from inspector.testing import make_part
judge = Judge.load(sys.argv[1])
judge.warm_up()
part = extract(make_part(seed=7))
verdict = judge.judge(part)
assert judge.localize(part, verdict).heat_maps[0].values.max() >= 0
judge.attribute(part, verdict)
judge.looks(part)
found = [name for name in ("torch", "timm", "torchvision", "pytorch_grad_cam", "librosa", "sklearn", "matplotlib") if name in sys.modules]
assert not found, found
print(judge.served_by)
"""


def test_a_whole_verdict_with_its_heat_map_needs_no_torch(exported):
    done = subprocess.run([sys.executable, "-c", TORCH_FREE, str(exported)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("onnxruntime")


def served_instead(folder):
    """The reason why the trained network serves."""
    judge = Judge.load(folder)
    assert judge.served_by.startswith("torch")
    assert judge.judge(features(1)).outcome in ("pass", "fail", "review")
    assert judge.refused is not None
    assert judge.refused in judge.served_by
    return judge.refused


def test_a_changed_graph_is_not_served(folder):
    path = folder / "onnx" / "decide.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert "decide.onnx: hash does not match" in served_instead(folder)


def test_a_changed_certificate_is_not_served(folder):
    path = folder / "onnx" / "export.json"
    path.write_text(path.read_text().replace('"flips": []', '"flips": [ ]'))
    assert "export.json: hash does not match" in served_instead(folder)


def test_a_missing_graph_is_not_served(folder):
    (folder / "onnx" / "eye.onnx").unlink()
    assert "eye.onnx: graph is missing" in served_instead(folder)


def test_another_runtime_version_is_not_served(folder):
    changed(folder, version="1.0.0")
    assert "was certified with onnxruntime 1.0.0, installed is" in served_instead(folder)


def test_an_export_of_another_model_is_not_served(folder):
    manifest = artefact.load_manifest(folder)
    text = (folder / "manifest.yaml").read_text().replace("version: 1.0.0", "version: 1.0.1")
    (folder / "manifest.yaml").write_text(text)
    assert manifest.version != artefact.load_manifest(folder).version
    assert "was made of another model" in served_instead(folder)


@pytest.mark.parametrize(
    ("update", "words"),
    [
        ({"machine": Machine(processor="x86_64 Another", instructions=[])}, "was certified on another machine (x86_64 Another)"),
        ({"machine": Machine(processor="x86_64 Another", instructions=["amx_fp99"])}, "amx_fp99, which this one lacks"),
        ({"parts": 3}, "only 3 golden parts, which promise too little"),
        ({"flips": ["g4"]}, "the verdict of 1 of 20 golden parts flips (g4)"),
        ({"moved_most": 0.2}, "score moves by 0.2, allowed is 0.01"),
        ({"map_correlation_least": 0.5}, "heat map correlates by 0.500"),
    ],
)
def test_a_certificate_that_does_not_hold_here_is_refused(folder, update, words):
    export = Export.model_validate_json((folder / "onnx" / "export.json").read_bytes())
    changed(folder, certificate=export.certificate.model_copy(update=update))
    assert words in served_instead(folder)


def test_without_a_certificate_nothing_is_served(folder):
    changed(folder, certificate=None)
    assert "has no certificate" in served_instead(folder)


def test_the_certificate_says_what_was_compared(exported):
    certificate = Certificate.model_validate(json.loads((exported / "onnx" / "export.json").read_text())["certificate"])
    assert certificate.refusal() is None
    assert certificate.parts == export_folder.FEWEST_PARTS
    assert certificate.moved_most < 1e-4
    assert certificate.map_correlation_least > 0.999
    assert {"torch", "onnxruntime"} <= certificate.versions.keys()


def test_another_machine_certifies_by_the_answers_that_came_along(folder):
    export = Export.model_validate_json((folder / "onnx" / "export.json").read_bytes())
    changed(folder, certificate=export.certificate.model_copy(update={"machine": Machine(processor="Another", instructions=[])}))
    golden = [(f"g{seed}", features(seed)) for seed in range(export_folder.FEWEST_PARTS)]
    manifest, again = recertified(folder, golden, "made up")
    assert again.certificate.golden_sha256 == export.certificate.golden_sha256
    write_export(folder, manifest, again)
    assert Judge.load(folder).refused is None
    _, few = recertified(folder, [*golden[:4], ("unknown", features(40))], "others")
    assert "only 4 golden parts" in few.certificate.refusal()


def test_answers_that_were_changed_certify_nothing(folder):
    (folder / "onnx" / "answers.npz").write_bytes(b"another")
    with pytest.raises(ModelError, match=r"answers\.npz: hash does not match"):
        recertified(folder, [], "none")
