"""The distance of waveforms and series from good parts: no defect seen, few parts, many numbers."""

import pytest
import torch

from inspector.fusion.normality import Normality


def _fitted(values: torch.Tensor) -> Normality:
    normality = Normality(values.shape[1])
    normality.fit(values, torch.ones(len(values), dtype=torch.bool), torch.arange(len(values)) % 4)
    return normality


def test_good_parts_lie_around_zero_and_many_odd_numbers_lie_far_out() -> None:
    torch.manual_seed(0)
    good = torch.randn(200, 30)
    normality = _fitted(good)
    unseen, odd = torch.randn(200, 30), torch.randn(200, 30) + 1.5
    assert abs(float(normality(unseen).median())) < 0.7
    assert float(normality(odd).median()) > 4


def test_one_wild_number_does_not_outvote_many_odd_ones() -> None:
    torch.manual_seed(1)
    normality = _fitted(torch.randn(150, 40))
    wild, odd = torch.zeros(1, 40), torch.full((1, 40), 1.8)
    wild[0, 3] = 8.0
    assert float(normality(wild)) < float(normality(odd))


def test_what_never_moved_is_as_usual_as_can_be_and_strange_when_it_moves() -> None:
    torch.manual_seed(2)
    values = torch.cat([torch.randn(60, 4), torch.zeros(60, 4)], dim=1)
    normality = _fitted(values)
    still, moved = torch.zeros(1, 8), torch.zeros(1, 8)
    moved[:, 4:] = 0.5
    assert float(normality(still)) < 0
    assert float(normality(moved)) > float(normality(still)) + 1


def test_the_distance_can_be_followed_back_to_the_numbers() -> None:
    torch.manual_seed(3)
    normality = _fitted(torch.randn(100, 5))
    values = torch.full((1, 5), 1.0, requires_grad=True)
    normality(values).sum().backward()
    assert values.grad is not None
    assert (values.grad > 0).all()


def test_a_part_is_measured_by_the_good_parts_of_other_folds() -> None:
    torch.manual_seed(4)
    runs = torch.arange(6).repeat_interleave(20)
    values = torch.randn(6, 25)[runs] + 0.3 * torch.randn(120, 25)
    good = torch.arange(120) % 4 > 0
    normality = Normality(25)
    unseen = normality.fit(values, good, runs)
    assert float(unseen[good].median()) == pytest.approx(0, abs=0.05)
    assert (unseen - normality(values))[good].min() > 0, "seen by parts of its own run a part looks more usual than the next run will"
    assert unseen[~good].mean() == pytest.approx(float(unseen[good].mean()), abs=0.5)


def test_too_few_parts_say_nothing() -> None:
    assert float(_fitted(torch.randn(4, 5))(torch.full((1, 5), 9.0))) == 0.0
