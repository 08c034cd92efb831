import sys

import numpy as np
import pytest
import torch

from inspector.fusion.batch import Batch
from inspector.fusion.cams import METHODS, class_activation_map
from inspector.fusion.network import FusionNetwork
from inspector.fusion.regions import pixels_of, regions
from inspector.fusion.spec import NetworkSpec
from inspector.fusion.torchvision_compat import import_grad_cam


def heat_map() -> np.ndarray:
    heat = np.zeros((100, 200), np.float32)
    heat[20:40, 30:60] = 0.9
    heat[70:80, 150:160] = 0.6
    return heat


def found(heat, *, scale_mm_per_px=None):
    return regions(
        heat, outline=0.5, camera="top", kind="crack", confidence=0.8, scale_mm_per_px=scale_mm_per_px, usual_area_share=600 / 20_000
    )


def test_regions_are_boxes_and_areas_in_pixels_and_millimetres():
    first, second = found(heat_map(), scale_mm_per_px=0.1)
    assert first.box_px == (30, 20, 30, 20)
    assert first.area_px == 600
    assert first.area_mm2 == pytest.approx(6.0)
    assert first.confidence == pytest.approx(0.8)
    assert second.box_px == (150, 70, 10, 10)
    assert second.confidence < first.confidence


def test_without_a_scale_there_are_no_millimetres():
    assert found(heat_map())[0].area_mm2 is None


def test_a_mask_holds_just_the_region():
    first, second = found(heat_map())
    assert np.array_equal(pixels_of(first.mask), heat_map() > 0.7)
    assert pixels_of(second.mask).sum() == second.area_px == 100


def test_a_usual_defect_that_the_map_is_sure_of_is_half_as_severe_as_can_be():
    first, second = found(heat_map())
    assert first.severity == pytest.approx(0.8 * 0.5, abs=0.01)
    assert second.severity < first.severity


def test_a_map_without_heat_has_no_region():
    assert found(np.zeros((10, 10), np.float32)) == []


def test_grad_cam_package_is_imported_without_what_it_does_not_need():
    package = import_grad_cam()
    assert package is import_grad_cam()
    assert not any(name == "torchvision" and type(module).__name__ == "_Stub" for name, module in sys.modules.items())


@pytest.mark.parametrize("method", METHODS)
def test_a_class_activation_map_leaves_no_hook_behind(method):
    spec = NetworkSpec(cameras=("top",), image_size=(64, 64), vectors=(), kinds=("crack",), causes=(), width=32, map_width=16)
    torch.manual_seed(0)
    member = FusionNetwork(spec).eval().requires_grad_(False)
    batch = Batch(
        maps={"top": (torch.randn(1, 40, 8, 8), torch.randn(1, 112, 4, 4), torch.randn(1, 192, 2, 2), torch.zeros(1, 1, 8, 8))},
        quality={"top": torch.ones(1)},
    )
    for layers in (("last",), ("coarse",)):
        cam = class_activation_map(member, batch, "top", method=method, layers=layers)
        assert cam.shape == (8, 8)
        assert cam.min() >= 0
    assert not any(module._forward_hooks for module in member.modules())
