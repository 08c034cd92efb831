import sys

import numpy as np
import pytest
import torch

from inspector.fusion.batch import Batch
from inspector.fusion.localization import grad_cam, regions
from inspector.fusion.network import FusionNetwork
from inspector.fusion.spec import NetworkSpec
from inspector.fusion.torchvision_compat import import_grad_cam


def heat_map() -> np.ndarray:
    heat = np.zeros((100, 200), np.float32)
    heat[20:40, 30:60] = 0.9
    heat[70:80, 150:160] = 0.6
    return heat


def test_regions_are_boxes_and_areas_in_pixels_and_millimetres():
    first, second = regions(heat_map(), camera="top", kind="crack", confidence=0.8, scale_mm_per_px=0.1)
    assert first.box_px == (30, 20, 30, 20)
    assert first.area_px == 600
    assert first.area_mm2 == pytest.approx(6.0)
    assert first.confidence == pytest.approx(0.8)
    assert second.box_px == (150, 70, 10, 10)
    assert second.confidence < first.confidence


def test_without_a_scale_there_are_no_millimetres():
    assert regions(heat_map(), camera="top", kind="crack", confidence=0.8, scale_mm_per_px=None)[0].area_mm2 is None


def test_a_faint_map_has_no_region():
    assert regions(np.full((10, 10), 0.05, np.float32), camera="top", kind="crack", confidence=1.0, scale_mm_per_px=None) == []


def test_grad_cam_package_is_imported_without_what_it_does_not_need():
    package = import_grad_cam()
    assert package is import_grad_cam()
    assert not any(name == "torchvision" and type(module).__name__ == "_Stub" for name, module in sys.modules.items())


def test_grad_cam_leaves_no_hook_behind():
    spec = NetworkSpec(cameras=("top",), image_size=(64, 64), vectors=(), kinds=("crack",), causes=(), width=32, map_width=16)
    torch.manual_seed(0)
    member = FusionNetwork(spec).eval().requires_grad_(False)
    batch = Batch(
        maps={"top": (torch.randn(1, 40, 8, 8), torch.randn(1, 112, 4, 4), torch.zeros(1, 1, 8, 8))}, quality={"top": torch.ones(1)}
    )
    cam = grad_cam(member, batch, "top")
    assert cam.shape == (8, 8)
    assert 0 <= cam.min() <= cam.max() <= 1
    assert not member.cameras[0].last._forward_hooks
