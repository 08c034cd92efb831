"""Which parts nothing was learned from, and who may speak of them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from inspector.config import PromiseConfig
from inspector.fusion.ensemble import Ensemble
from inspector.training.fitting import fit_normalities, fit_scales
from inspector.training.held_out import Hearing, folds, keeps, witness
from tests.unit.inspector.training.made_parts import LABELS, SPEC, made_table

SHARE = PromiseConfig(false_reject_share=0.05)


def parts(good_groups, bad_groups=5):
    return [SimpleNamespace(group=str(n), defective=n >= good_groups) for n in range(good_groups + bad_groups) for _ in range(3)]


def test_a_promise_rests_on_validation_parts_alone_where_their_groups_suffice():
    assert keeps(parts(45), parts(3), SHARE)
    assert not keeps(parts(44), parts(3), SHARE)
    assert not keeps([], parts(3), SHARE)


def test_without_a_good_part_there_is_nothing_to_promise():
    assert keeps([], parts(0), SHARE)


def test_each_member_speaks_of_its_own_fold_and_distances_are_from_other_folds():
    table = made_table(LABELS * 9)
    ensemble = Ensemble(SPEC, 3).eval()
    fit_scales(ensemble, table)
    parts_folds = folds(table.samples, 3, seed=0)
    distances = fit_normalities(ensemble, table, folds(table.samples, 20, seed=0))
    held = witness(Hearing(table, ensemble, parts_folds), distances)
    assert sorted(held.part_ids) == sorted(sample.part.part_id for sample in table.samples)
    row_of = {sample.part.part_id: row for row, sample in enumerate(table.samples)}
    for evidence, part_id in zip(held.evidence, held.part_ids, strict=True):
        row = torch.tensor([row_of[part_id]])
        with torch.no_grad():
            own = ensemble.members[int(parts_folds[row])](table.batch(row)[0])
        assert evidence["fused"] == pytest.approx(float(own.logits[0, 0]), abs=1e-4)
        assert evidence["distance_audio"] == pytest.approx(float(distances["audio"][row]), abs=1e-5)


def test_held_out_parts_of_two_kinds_stand_together():
    held = witness(Hearing(made_table(), Ensemble(SPEC, 1).eval()), {})
    both = held.and_of(held)
    assert len(both.evidence) == len(both.groups) == 32
    assert np.array_equal(both.kinds, np.concatenate([held.kinds, held.kinds]))
