import cv2
import numpy as np
import pytest

from inspector.errors import ModelError
from inspector.fusion.good_parts import GoodParts, GoodPictures


def remembered():
    jpegs = tuple(cv2.imencode(".jpg", np.full((20, 30, 3), level, np.uint8))[1].tobytes() for level in (40, 200))
    pictures = GoodPictures(("dark", "bright"), jpegs, np.array([[0.0, 0.0], [4.0, 0.0]], np.float32), 2.0)
    return GoodParts({"top": pictures}, {"mic": (np.array([1.0, np.nan], np.float32), np.ones((3, 2), np.float32))})


def test_what_is_kept_is_read_back_and_the_nearest_is_found(tmp_path):
    path = tmp_path / "good_parts.npz"
    path.write_bytes(remembered().to_bytes())
    read = GoodParts.read(path)
    nearest = read.pictures["top"].nearest("camera", np.array([3.0, 0.0], np.float32))
    assert (nearest.part_id, nearest.distance, nearest.pixels.shape) == ("bright", pytest.approx(0.5), (20, 30, 3))
    assert np.array_equal(read.means["mic"][0], [1.0, np.nan], equal_nan=True)


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "good_parts.npz"
    path.write_bytes(remembered().to_bytes()[:200])
    with pytest.raises(ModelError, match="fetch the model again"):
        GoodParts.read(path)
