import numpy as np
import pytest

from inspector.knowledge.alike import nearest


def test_the_nearest_come_first_whatever_the_scale_of_a_number() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(200, 30)).astype(np.float32) * np.array([1000, *[0.01] * 29], np.float32)
    vectors[7] = vectors[3] + 0.05 * vectors.std(axis=0)
    (first, second, *others) = nearest(vectors, vectors[3], 200)
    assert (first, second[0]) == ((3, 0.0), 7)
    assert np.mean([distance for _, distance in others]) == pytest.approx(1, abs=0.15)


def test_what_is_missing_or_never_varies_says_nothing() -> None:
    vectors = np.array([[1, 5, 0], [1, np.nan, 1], [1, 7, 2]], np.float32)
    assert [row for row, _ in nearest(vectors, np.array([9, np.nan, 2], np.float32), 3)] == [2, 1, 0]
    assert nearest(np.zeros((0, 3), np.float32), vectors[0], 3) == []
    assert nearest(np.ones((2, 3), np.float32), np.ones(3, np.float32), 1) == [(0, 0.0)]
