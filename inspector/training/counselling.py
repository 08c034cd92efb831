"""Fit each modality's discriminant and forest, and say what they would have said of training parts that they had not seen."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from torch import Tensor

from inspector.fusion.batch import Batch
from inspector.fusion.counsel import DEPTH, NODES, TREES, Discriminant, Forest, Overview, Question, as_logits, logs_of, overview_of
from inspector.fusion.network import FusionNetwork
from inspector.fusion.signal_encoder import Witness
from inspector.training.batches import UNKNOWN, Table

FOLDS = 5
FEWEST_PARTS = 8
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
LEAST_SHRINKAGE, LEAST_SPREAD = 0.01, 0.05
OVERVIEW_STRENGTH, LEAST_OVERVIEW_SPREAD = 0.01, 1e-3
"""How far one line of an overview may lean, as the variance of its weights on standardised numbers."""

Numbers = NDArray[np.float32]
Classes = NDArray[np.int64]


def take_counsel(member: FusionNetwork, table: Table, rows: Tensor, seed: int) -> dict[str, Tensor]:
    """Fit the counsel of every modality of `member` on all views of `rows`; return its logits (views, N, outputs) per modality.

    What is said of a part of `rows` comes from fits that saw no part of its group: a network that learns beside the counsel must hear it
    as good as it will be on new parts, and no better.
    """
    heard = {}
    for modality, witness in member.witnesses.items():
        assert isinstance(witness, Witness)
        read = [_values(member, readings, modality) for readings in table.readings]
        values, present = torch.stack([one for one, _ in read]), read[0][1]
        known = rows[present[rows]].numpy()
        groups = apart(values[0], present, np.unique([sample.group for sample in table.samples], return_inverse=True)[1])
        label = torch.where(table.defective > 0, torch.where(table.kinds == UNKNOWN, UNKNOWN, table.kinds + 1), 0)
        counsel = witness.counsel
        said = [_ask(counsel.label, values, label.numpy(), groups, known, seed)]
        if counsel.cause is not None:
            said.append(_ask(counsel.cause, values, table.causes.numpy(), groups, known, seed))
        flat = [one.flatten(0, 1) for one in said]
        heard[modality] = as_logits(flat[0], flat[1] if len(flat) > 1 else None).view(*values.shape[:2], -1)
    return heard


def take_overviews(member: FusionNetwork, table: Table, rows: Tensor, seed: int) -> dict[str, Tensor]:
    """Fit every camera's overview of `member` on `rows`; return log chances (N, kinds) per camera for all parts of `table`.

    As in `take_counsel`, out of fold for the parts of `rows`.
    """
    heard = {}
    groups = np.unique([sample.group for sample in table.samples], return_inverse=True)[1]
    truth = torch.where(table.defective > 0, torch.where(table.kinds == UNKNOWN, UNKNOWN, table.kinds + 1), 0).numpy()
    for camera, encoder in zip(member.spec.cameras, member.cameras, strict=True):
        overview = encoder.overview
        assert isinstance(overview, Overview)
        values, present = _overviews(table, camera)
        known = rows[present[rows]].numpy()
        known = known[truth[known] != UNKNOWN]
        heard[camera] = torch.zeros(len(table), len(member.spec.kinds))
        folds = _folds(truth[known], groups[known], seed)
        if not folds or len(np.unique(truth[known][truth[known] > 0])) < 2:
            continue
        overview.answered.fill_(1.0)
        apart = torch.zeros(len(known), len(member.spec.kinds))
        for taught, asked in folds:
            fit_overview(overview, values[known[taught]], truth[known[taught]])
            apart[asked] = overview(values[known[asked]])
        fit_overview(overview, values[known], truth[known])
        heard[camera] = overview(values) * present[:, None]
        heard[camera][known] = apart
    return heard


def _overviews(table: Table, camera: str) -> tuple[Tensor, Tensor]:
    """Return the overview of every part's own picture (N, size), and which parts have one."""
    views = [sample.views.get(camera) for sample in table.samples]
    blank = next(overview_of([view[0].fine[None], view[0].coarse[None], view[0].deep[None]]) for view in views if view) * 0
    found = [overview_of([one[None].float() for one in (v[0].fine, v[0].coarse, v[0].deep)]) if v else blank for v in views]
    return torch.cat(found), torch.tensor([bool(view) for view in views])


def fit_overview(overview: Overview, values: Tensor, truth: Classes) -> None:
    """Fit by logistic regression: on pictures it told kinds of held-out parts better than the shrunk discriminant of the signals."""
    overview.mean, overview.spread = values.mean(dim=0), values.std(dim=0) + LEAST_OVERVIEW_SPREAD
    fitted = LogisticRegression(C=OVERVIEW_STRENGTH, max_iter=500).fit(overview.scaled(values).numpy(), truth)
    overview.lines.weight.zero_()
    overview.lines.offset.fill_(-1e4)
    lines, offsets = fitted.coef_, fitted.intercept_
    if len(fitted.classes_) == 2:  # scikit-learn keeps the second one's line only
        lines, offsets = np.concatenate([-lines, lines]) / 2, np.concatenate([-offsets, offsets]) / 2
    overview.lines.weight[fitted.classes_] = torch.from_numpy(lines.astype(np.float32))
    overview.lines.offset[fitted.classes_] = torch.from_numpy(offsets.astype(np.float32))


def _values(member: FusionNetwork, readings: Batch, modality: str) -> tuple[Tensor, Tensor]:
    """Return all standardised numbers of a modality (N, size), and which parts have any."""
    columns, there = [], []
    for vector, encoder in zip(member.spec.vectors, member.vectors, strict=True):
        if vector.modality == modality:
            present = readings.quality[vector.name] > 0
            columns.append(encoder.summary_scale(readings.summaries[vector.name]) * present[:, None])  # type: ignore[operator]
            there.append(present)
    return torch.cat(columns, dim=1), torch.stack(there).any(dim=0)


def apart(values: Tensor, present: Tensor, groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return per part what must not be split between fits: its group, or its recording where parts of several groups share one.

    A sound or a series that belongs to several parts would otherwise be asked for by fits that know it by heart.
    """
    recordings = np.unique(values.numpy(), axis=0, return_inverse=True)[1].reshape(-1)
    there = present.numpy()
    pairs = np.unique(np.stack([recordings[there], groups[there]]), axis=1)
    return recordings if pairs.shape[1] > len(np.unique(recordings[there])) else groups


def _ask(question: Question, values: Tensor, truth: Classes, groups: NDArray[np.int64], known: NDArray[np.int64], seed: int) -> Tensor:
    """Fit a question on the parts `known`, `values` being (views, N, size); return its log chances (views, N, classes).

    They are out of fold for the parts it was fitted on.
    """
    rows = known[truth[known] != UNKNOWN]
    views, classes = len(values), len(question.discriminant.offset)
    folds = _folds(truth[rows], groups[rows], seed)
    if not folds:
        return torch.zeros(*values.shape[:2], classes)
    lines, trees = torch.zeros(*values.shape[:2], classes), torch.zeros(*values.shape[:2], classes)
    for taught, asked in folds:
        _fit(question, values, truth, rows[taught], seed)
        new = values[:, rows[asked]].flatten(0, 1)
        lines[:, rows[asked]] = question.discriminant(new).unflatten(0, (views, -1))
        trees[:, rows[asked]] = question.forest(new).unflatten(0, (views, -1))
    losses = [_loss((share * lines + (1 - share) * trees)[:, rows], truth[rows]) for share in SHARES]
    _fit(question, values, truth, rows, seed)
    question.share.fill_(SHARES[int(np.argmin(losses))])
    question.answered.fill_(1.0)
    said: Tensor = question(values.flatten(0, 1)).unflatten(0, (views, -1))
    said[:, rows] = logs_of(question.share * lines[:, rows] + (1 - question.share) * trees[:, rows])
    return said


def _folds(truth: Classes, groups: NDArray[np.int64], seed: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return rows to fit on and rows to ask, group by group; part by part where a class has a single group, which could never be asked.

    None where that is too few parts, or one class.
    """
    classes, counts = np.unique(truth, return_counts=True)
    if len(truth) < FEWEST_PARTS or len(classes) < 2 or counts.max() < 2:
        return []
    alone = min(len(np.unique(groups[truth == one])) for one in classes) < 2
    apart = np.arange(len(truth)) if alone else groups
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class of fewer parts than folds is missing in some: it is then unlikely there
        count = min(FOLDS, len(np.unique(apart)), int(counts.max()))
        return list(StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(truth, truth, apart))


def _loss(chances: Tensor, truth: Classes) -> float:
    return -float(logs_of(chances)[:, torch.arange(len(truth)), torch.from_numpy(truth)].mean())


def _fit(question: Question, values: Tensor, truth: Classes, rows: NDArray[np.int64], seed: int) -> None:
    taught, answers = values[:, rows].flatten(0, 1).numpy(), np.tile(truth[rows], len(values))
    fit_discriminant(question.discriminant, taught, answers)
    fit_forest(question.forest, taught, answers, seed)


def fit_discriminant(discriminant: Discriminant, values: Numbers, truth: Classes) -> None:
    """Fit by a shrunk covariance (Ledoit and Wolf, 2004), common to all classes.

    scikit-learn solves for all numbers by all numbers, which takes minutes with the thousands of a station of 40 channels; there are
    always fewer parts, so that the same solution is found among their differences.
    """
    classes, members = np.unique(truth, return_inverse=True)
    counts = np.bincount(members)
    means = np.stack([values[members == place].mean(axis=0) for place in range(len(classes))]).astype(np.float64)
    within = values - means[members]
    # Shrunk towards numbers that wander each by itself, as much as they do within a class.
    spread = within.std(axis=0) + LEAST_SPREAD
    scaled, middle = within / spread, values.mean(axis=0)
    shrinkage = max(float(ledoit_wolf_shrinkage(scaled, assume_centered=True)), LEAST_SHRINKAGE)
    usual = shrinkage * float((scaled**2).mean()) + 1e-6
    _, singular, directions = np.linalg.svd(scaled, full_matrices=False)
    stretch = 1 / ((1 - shrinkage) * singular**2 / len(values) + usual) - 1 / usual
    shifts = (means - middle) / spread
    lines = (shifts / usual + (shifts @ directions.T * stretch) @ directions) / spread
    offsets = np.log(counts / len(values)) - 0.5 * (lines * (means - middle)).sum(axis=1) - lines @ middle
    discriminant.weight.zero_()
    discriminant.offset.fill_(-1e4)
    discriminant.weight[classes] = torch.from_numpy(lines.astype(np.float32))
    discriminant.offset[classes] = torch.from_numpy(offsets.astype(np.float32))


def fit_forest(forest: Forest, values: Numbers, truth: Classes, seed: int) -> None:
    """Grow extremely randomised trees (Geurts et al., 2006) and write them down as tables."""
    grown = ExtraTreesClassifier(TREES, min_samples_leaf=2, max_leaf_nodes=(NODES + 1) // 2, max_depth=DEPTH, random_state=seed, n_jobs=-1)
    grown.fit(values, truth)
    classes = torch.from_numpy(grown.classes_)
    forest.leaves.zero_()
    for place, estimator in enumerate(grown.estimators_):
        tree, first = estimator.tree_, place * NODES
        rows = slice(first, first + tree.node_count)
        leaf = tree.children_left < 0
        itself = first + np.arange(tree.node_count)
        forest.feature[rows] = torch.from_numpy(np.where(leaf, 0, tree.feature).astype(np.float32))
        forest.threshold[rows] = torch.from_numpy(tree.threshold.astype(np.float32))
        paths = np.stack([np.where(leaf, itself, first + side) for side in (tree.children_right, tree.children_left)], axis=1)
        forest.paths[rows] = torch.from_numpy(paths.astype(np.float32))
        chances = tree.value[:, 0] / tree.value[:, 0].sum(axis=1, keepdims=True)
        forest.leaves[rows.start : rows.stop, classes] = torch.from_numpy(chances.astype(np.float32))
