"""A line that judges for an installation: its model, its store, and its memory of fixes as operators go on teaching it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from inspector.commands.installation import Knowledge
from inspector.home import Home
from inspector.pipeline import Judged, Pipeline, open_pipeline
from stations.agent import Agent
from stations.kept_history import KeptHistory
from stations.line import Line
from stations.recorder import Recorder

if TYPE_CHECKING:
    from inspector.config import Station
    from inspector.parts import Capture, Inspection
    from inspector.store import Store


def judging_line(
    agent: Agent,
    store: Store,
    home: Path | None,
    model: Path,
    keep: Callable[[Inspection], object] | None = None,
    *,
    recorder: Recorder | None = None,
) -> Line[Judged]:
    """Return a line, warmed up, to be run with `agent` open. `keep` takes the place of `store.add`. Raises ModelError, ConfigError."""
    station = agent.station
    store.keep_limits(station.station, station.setting_limits)
    knowledge = Knowledge(store, home, station)
    pipeline = open_pipeline(model, knowledge.memory, station, knowledge.catalogue)
    kept = KeptHistory(Home.at(home).root / "history" / f"{station.station}.json", agent.clock)
    pipeline.history = kept.load()
    pipeline.warm_up()
    _note_what_judges(store, station, pipeline)
    plc = agent.drivers.plc

    def judge(capture: Capture) -> Judged:
        return pipeline.judge(capture, station)

    def change_recipe(recipe: int) -> str:
        """Put another model in the place of the one that judges; the PLC asks for it only while no part is in hand."""
        nonlocal pipeline
        fresh = open_pipeline(models[recipe], pipeline.memory, station, pipeline.catalogue)
        fresh.warm_up()
        fresh.history = pipeline.history
        pipeline = fresh
        _note_what_judges(store, station, pipeline)
        return fresh.judge_model.ref.sha256

    if plc is not None:
        plc.live_in(home)
        models = plc.recipe_models(model)
        plc.recipes = change_recipe
        plc.model(pipeline.judge_model.ref.sha256)

    def explain(judged: Judged) -> Inspection:
        if knowledge.keep_up():  # an operator said what helped: the next part profits
            pipeline.memory, pipeline.catalogue = knowledge.memory, knowledge.catalogue
        inspection = pipeline.explain(judged)
        kept.keep(pipeline.history)
        return inspection

    return Line(
        agent,
        judge,
        explain,
        keep or store.add,
        model=pipeline.judge_model.ref,
        beat=partial(store.beat, station.station),
        recorder=recorder,
    )


def _note_what_judges(store: Store, station: Station, pipeline: Pipeline) -> None:
    """Put into the audit log by which model, recipe and threshold a station judges, where any of it is another than before."""
    judge, who = pipeline.judge_model, f"station {station.station}"
    model = {"name": judge.ref.name, "version": judge.ref.version, "sha256": judge.ref.sha256}
    threshold = {"threshold": judge.calibration.threshold, "review_from": judge.calibration.review_from}
    for action, detail in (("model", model), ("recipe", judge.manifest.training.recipe), ("threshold", threshold)):
        store.audit.note_change(action, station.station, detail, who)
