import numpy as np
import pytest
import torch
from sklearn.ensemble import ExtraTreesClassifier

from inspector.fusion.counsel import DEPTH, NODES, TREES, Counsel, Discriminant, Forest, Overview
from inspector.fusion.spec import NetworkSpec
from inspector.training.counselling import apart, fit_discriminant, fit_forest, fit_overview


def parts(classes=3, each=12, size=40):
    random = np.random.default_rng(0)
    truth = np.repeat(np.arange(classes), each)
    values = random.normal(0, 1, (len(truth), size)).astype(np.float32)
    values[:, :classes] += 4 * np.eye(classes, dtype=np.float32)[truth]
    return values, truth


def test_a_forest_as_tables_says_what_it_said_as_trees():
    values, truth = parts()
    forest = Forest(3)
    fit_forest(forest, values, truth, seed=1)
    grown = ExtraTreesClassifier(TREES, min_samples_leaf=2, max_leaf_nodes=(NODES + 1) // 2, max_depth=DEPTH, random_state=1)
    grown.fit(values, truth)
    assert forest(torch.from_numpy(values)).numpy() == pytest.approx(grown.predict_proba(values), abs=1e-5)


def test_a_discriminant_tells_new_parts_apart_with_more_numbers_than_parts():
    values, truth = parts(size=200)
    discriminant = Discriminant(200, 3)
    fit_discriminant(discriminant, values[::2], truth[::2])
    assert (discriminant(torch.from_numpy(values[1::2])).argmax(dim=1).numpy() == truth[1::2]).mean() > 0.9


def test_a_class_that_was_not_seen_is_never_called_likely():
    values, truth = parts(classes=2)
    discriminant, forest = Discriminant(40, 3), Forest(3)
    fit_discriminant(discriminant, values, truth)
    fit_forest(forest, values, truth, seed=0)
    assert discriminant(torch.from_numpy(values))[:, 2].max() < 1e-6
    assert forest(torch.from_numpy(values))[:, 2].max() == 0


def test_a_counsel_that_was_never_taught_says_nothing():
    spec = NetworkSpec(cameras=(), image_size=(64, 64), vectors=(), kinds=("crack",), causes=("none", "heat"))
    assert not Counsel(5, spec)(torch.randn(2, 5)).any()


def test_parts_that_share_a_recording_are_never_split_between_fits():
    recordings = torch.tensor([[1.0, 2.0], [1.0, 2.0], [3.0, 4.0], [0.0, 0.0], [0.0, 0.0]])
    present = torch.tensor([True, True, True, False, False])
    tiles = np.array([0, 1, 2, 3, 4])
    together = apart(recordings, present, tiles)
    assert together[0] == together[1] != together[2]


def test_a_group_counts_where_no_recording_is_shared_between_groups():
    values, present = torch.tensor([[1.0], [1.0], [2.0], [3.0]]), torch.ones(4, dtype=torch.bool)
    groups = np.array([0, 0, 0, 1])
    assert apart(values, present, groups) is groups


def test_an_overview_tells_kinds_of_pictures_and_leaves_the_defect_to_the_places():
    values, truth = parts(classes=4, each=80, size=60)
    overview = Overview(30, 3)
    assert not overview(torch.from_numpy(values)).any()
    overview.answered.fill_(1.0)
    fit_overview(overview, torch.from_numpy(values[::2]), truth[::2])
    said = overview(torch.from_numpy(values[1::2])[truth[1::2] > 0])
    assert (said.argmax(dim=1).numpy() + 1 == truth[1::2][truth[1::2] > 0]).mean() > 0.8


def test_an_overview_of_two_classes_has_a_line_for_each():
    values, truth = parts(classes=2, each=20, size=60)
    overview = Overview(30, 2)
    fit_overview(overview, torch.from_numpy(values), truth + 1)
    assert (overview.lines(overview.scaled(torch.from_numpy(values))).argmax(dim=1).numpy() == truth + 1).mean() > 0.9
