"""What a defect is compared by: where to it leaves the usual, at the place where the members see it."""

import numpy as np
import pytest
import torch

from inspector.errors import ModelError
from inspector.fusion.batch import Batch
from inspector.fusion.defect_numbers import numbers_of
from inspector.fusion.ensemble import Ensemble, ask
from inspector.fusion.known_kinds import KnownDefects
from inspector.fusion.spec import NetworkSpec

SIZE = 30


def test_how_far_a_part_strays_does_not_count_but_where_to(tmp_path):
    ways = np.eye(SIZE, dtype=np.float32)
    known = KnownDefects(np.zeros(SIZE, np.float32), np.ones(SIZE, np.float32), ways[:2])
    (tmp_path / "known_defects.npz").write_bytes(known.to_bytes())
    read = KnownDefects.read(tmp_path / "known_defects.npz")
    assert read.strangeness(0.5 * ways[0]) == pytest.approx(0, abs=1e-3)
    assert read.strangeness(3 * ways[1]) == pytest.approx(0, abs=1e-3)
    assert read.strangeness(3 * ways[7]) == pytest.approx(1)


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "known_defects.npz").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="fetch the model again"):
        KnownDefects.read(tmp_path / "known_defects.npz")


def test_a_picture_is_described_where_it_is_most_suspicious_by_the_camera_that_sees_it_best():
    spec = NetworkSpec(
        cameras=("left", "right"), image_size=(64, 64), vectors=(), kinds=("burr",), causes=(), width=16, map_width=16, layers=1
    )
    torch.manual_seed(0)
    ensemble = Ensemble(spec, 2).eval()
    maps = (torch.rand(3, 40, 8, 8), torch.rand(3, 112, 4, 4), torch.rand(3, 192, 2, 2), torch.zeros(3, 1, 8, 8))
    batch = Batch(
        maps={"left": maps, "right": tuple(torch.zeros_like(one) for one in maps)}, quality=dict.fromkeys(("left", "right"), torch.ones(3))
    )
    opinion = ask(ensemble, batch)
    with torch.inference_mode():
        for output in opinion.outputs:
            output.evidence["left"][:, 0] = -5.0
            output.evidence["left"][:, 0, 6, 1] = 30.0
            output.evidence["right"][:, 0] = -9.0
    numbers = numbers_of(ensemble, batch, opinion.outputs, "image")
    assert numbers.shape == (3, 40 + 112 + 192)
    assert numbers[:, :40] == pytest.approx(maps[0][:, :, 6, 1].numpy(), abs=1e-5)
    assert numbers[:, 40:152] == pytest.approx(maps[1][:, :, 3, 0].numpy(), abs=1e-5)
    assert numbers_of(ensemble, batch, opinion.outputs, "audio") is None
