"""Views of pictures: a defect moved onto a good part keeps its mask and its contrast; made-up defects are visible and where they say."""

from types import SimpleNamespace

import numpy as np
import pytest

from inspector.training.inventing import LEAST_CONTRAST, invented
from inspector.training.picture_views import LabelledPicture, plan_of, transplanted, views_of
from inspector.training.recipe import PictureRecipe


def _picture(*, defective: bool, split: str = "train", level: int = 100, mask: np.ndarray | None = None) -> LabelledPicture:
    random = np.random.default_rng(level)
    pixels = np.clip(random.normal(level, 4, (96, 128, 1)), 0, 255).astype(np.uint8).repeat(3, axis=2)
    if defective and mask is not None:
        pixels[mask > 0] = level // 2
    sample = SimpleNamespace(defective=defective, part=SimpleNamespace(split=split, label="pore" if defective else "ok"), views={})
    return LabelledPicture(sample, "camera", pixels, mask if defective else np.zeros((96, 128), np.uint8))  # type: ignore[arg-type]


def _spot(top: int = 10, left: int = 20, side: int = 12) -> np.ndarray:
    mask = np.zeros((96, 128), np.uint8)
    mask[top : top + side, left : left + side] = 255
    return mask


def test_a_transplanted_defect_is_where_its_mask_says_and_as_dark_against_its_new_surroundings() -> None:
    donor, ground = _picture(defective=True, mask=_spot(), level=100), _picture(defective=False, level=160)
    shown, mask = transplanted(donor.pixels, donor.mask, ground.pixels, np.random.default_rng(0))  # type: ignore[arg-type]
    assert shown.shape == ground.pixels.shape
    assert 0.7 < np.sum(mask > 0) / np.sum(_spot() > 0) < 1.8
    assert np.quantile(shown[mask > 0], 0.25) == pytest.approx(80, abs=8)  # half of 160, as it was half of 100
    far = np.ones(mask.shape, bool)
    rows, columns = np.nonzero(mask)
    far[max(rows.min() - 12, 0) : rows.max() + 12, max(columns.min() - 12, 0) : columns.max() + 12] = False
    assert np.array_equal(shown[far], ground.pixels[far])


def test_a_defect_larger_than_the_good_picture_is_made_to_fit() -> None:
    donor = _picture(defective=True, mask=_spot(5, 5, 80))
    shown, mask = transplanted(donor.pixels, donor.mask, np.full((32, 40, 3), 90, np.uint8), np.random.default_rng(1))  # type: ignore[arg-type]
    assert shown.shape == (32, 40, 3)
    assert (mask > 0).any()


def test_only_training_pictures_get_more_views_and_only_drawn_defects_move() -> None:
    drawn, undrawn = _picture(defective=True, mask=_spot()), _picture(defective=True, mask=None)
    good, held = _picture(defective=False), _picture(defective=False, split="val")
    plan = plan_of([drawn, undrawn, good, held], PictureRecipe(views=3, transplants=2))
    assert plan == [
        ("as it is", "altered", "transplanted", "transplanted"),
        ("as it is", "altered", "altered"),
        ("as it is", "altered", "altered"),
        ("as it is",),
    ]


def test_defects_are_invented_only_where_none_was_seen() -> None:
    good = [_picture(defective=False, level=level) for level in (90, 120)]
    recipe = PictureRecipe(views=2, invented=1)
    plan = plan_of(good, recipe)
    assert plan == [("as it is", "altered", "invented")] * 2
    assert "invented" not in plan_of([*good, _picture(defective=True, mask=_spot())], recipe)[0]
    seen = [(way, mask) for _, way, _, mask in views_of(good, plan, np.random.default_rng(0))]
    assert all(mask is not None and (mask.any() == (way == "invented")) for way, mask in seen)


def test_views_are_the_same_for_the_same_seed() -> None:
    pictures = [_picture(defective=True, mask=_spot()), _picture(defective=False)]
    plan = plan_of(pictures, PictureRecipe())
    first, again = ([pixels for _, _, pixels, _ in views_of(pictures, plan, np.random.default_rng(5))] for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_invented_defects_can_be_seen_and_the_rest_of_the_picture_is_untouched() -> None:
    random = np.random.default_rng(3)
    for level in range(60, 180, 10):
        pixels = _picture(defective=False, level=level).pixels
        shown, mask = invented(pixels, _picture(defective=False, level=level + 30).pixels, random)
        change = np.abs(shown.astype(float) - pixels).mean(axis=2)
        if mask.any():
            assert change[mask > 0].mean() > LEAST_CONTRAST / 2
        assert change[mask == 0].mean() < 1.0
