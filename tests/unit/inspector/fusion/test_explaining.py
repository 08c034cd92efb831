"""How far a heat map can be trusted, and what of a signal drove the decision; on decisions whose reason is known."""

import numpy as np
import pytest

from inspector.features import Vectors, meanings
from inspector.fusion.attribution import attributions, contributions
from inspector.fusion.faithfulness import faithfulness
from inspector.fusion.tiles import closer
from inspector.parts import Frame, HeatMap


def blob(row, column):
    y, x = np.mgrid[0:16, 0:20]
    return np.exp(-((y - row) ** 2 + (x - column) ** 2) / 4).astype(np.float32)


def bright_spot(maps):
    """A decision that is made of one bright spot at stride 8 and nothing else."""
    return maps[0][:, 0, 5:8, 5:8].mean(axis=(1, 2))


@pytest.fixture
def spotted():
    fine = np.full((1, 2, 16, 20), 0.5, np.float32)
    fine[:, :, 5:8, 5:8] = 12.0
    return [fine, np.zeros((1, 3, 8, 10), np.float32), np.zeros((1, 3, 4, 5), np.float32)]


def test_a_map_on_the_reason_is_faithful_and_one_beside_it_is_not(spotted):
    right = faithfulness(blob(6, 6), spotted, bright_spot)
    wrong = faithfulness(blob(12, 15), spotted, bright_spot)
    assert right > 0.4 > 0.1 > wrong
    assert HeatMap("top", blob(6, 6), "combined", right, 0.3).reliable
    assert HeatMap("top", blob(6, 6), "combined", wrong, 0.3).reliable is False
    assert HeatMap("top", blob(6, 6), "combined").reliable is None


def test_a_place_of_a_coarse_map_is_taken_away_as_soon_as_any_of_it_is_hot(spotted):
    deep = np.zeros((1, 1, 4, 5), np.float32)
    deep[:, :, 1, 1] = 8.0
    assert faithfulness(blob(6, 6), [*spotted[:2], deep], lambda maps: maps[2][:, 0, 1, 1]) > 0.9


def test_a_decision_that_does_not_look_at_the_picture_makes_no_map_faithful(spotted):
    assert faithfulness(blob(6, 6), spotted, lambda maps: np.full(len(maps[0]), 3.0)) == 0


def sounding(band, step):
    known = meanings("audio")
    summary = np.zeros(len(known.summary), np.float32)
    steps = np.zeros((8, len(known.step)), np.float32)
    summary[band] = 2.0
    steps[step, band] = 2.0
    offsets_s = ((np.arange(8) + 0.5) * 0.1).astype(np.float32)
    return Vectors("audio", summary, steps, offsets_s), (np.zeros_like(summary), np.zeros_like(steps))


def heard(vectors):
    return {"mic": (vectors.summary, vectors.steps)}


def test_the_band_and_the_second_that_drove_the_decision_are_named():
    vectors, good = sounding(40, 5)
    found = contributions(lambda path: {"mic": (np.ones_like(path["mic"][0]), np.ones_like(path["mic"][1]))}, heard(vectors), {"mic": good})
    assert found["mic"].total == pytest.approx(4.0)
    (named,) = attributions(found, {"microphone": vectors}, {"mic": "microphone"}, {"audio": 0.7})
    assert named.share == pytest.approx(0.7)
    assert named.band_hz == pytest.approx(meanings("audio").summary[40].band_hz)
    assert (named.start_s, named.end_s) == pytest.approx((0.5, 0.6))
    assert "kHz at" in named.text.en


def test_numbers_that_cannot_be_told_add_nothing():
    vectors, good = sounding(40, 5)
    vectors.summary[:3] = np.nan

    def untold(path):
        summary, steps = path["mic"]
        return {"mic": (np.where(np.isnan(summary), np.nan, 1.0), np.zeros_like(steps))}

    found = contributions(untold, heard(vectors), {"mic": good})
    assert found["mic"].total == pytest.approx(2.0)


def test_a_scratch_in_a_large_picture_keeps_its_heat_and_its_surroundings_lose_it():
    pixels = np.random.default_rng(0).normal(120, 4, (1024, 1280)).clip(0, 255).astype(np.uint8)
    pixels[500:510, 400:700] = 220
    coarse = np.zeros((1024, 1280), np.float32)
    coarse[440:570, 350:750] = 0.9

    def look_at(tile):
        height, width = (side // 16 for side in tile.shape[:2])
        grey = tile[: height * 16, : width * 16, 0].astype(np.float32)
        return grey.reshape(height, 16, width, 16).mean(axis=(1, 3))[None]

    heat = closer(coarse, Frame(0, pixels), (256, 320), look_at)
    assert heat.max() == pytest.approx(0.9)
    rows = np.flatnonzero(heat.max(axis=1) > 0.5)
    assert rows.min() > 470
    assert rows.max() < 540


def test_a_small_picture_is_not_looked_at_closer():
    heat = np.zeros((100, 100), np.float32)
    heat[40:60, 40:60] = 1

    def never(_):
        raise AssertionError

    assert closer(heat, Frame(0, np.zeros((100, 100), np.uint8)), (256, 320), never) is heat
