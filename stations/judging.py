"""A line that judges for an installation: its model, its store, and its memory of fixes as operators go on teaching it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.commands.installation import Knowledge
from inspector.home import Home
from inspector.pipeline import Judged, Pipeline, open_pipeline
from stations.agent import Agent
from stations.kept_history import KeptHistory
from stations.line import Line
from stations.recorder import Recorder
from stations.succession import Succession

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
    follows: bool = False,
) -> Line[Judged]:
    """Return a line, warmed up, to be run with `agent` open. `keep` takes the place of `store.add`. Raises ModelError, ConfigError.

    With `follows`, what is put into service while it runs takes over between two parts.
    """
    station = agent.station
    store.keep_limits(station.station, station.setting_limits)
    knowledge = Knowledge(store, home, station)
    pipeline = open_pipeline(model, knowledge.memory, station, knowledge.catalogue)
    kept = KeptHistory(Home.at(home).root / "history" / f"{station.station}.json", agent.clock)
    pipeline.history = kept.load()
    pipeline.warm_up()
    _note_what_judges(store, station, pipeline)
    plc = agent.drivers.plc

    def opened(folder: Path) -> Pipeline:
        fresh = open_pipeline(folder, pipeline.memory, station, pipeline.catalogue)
        fresh.warm_up()
        return fresh

    succession = Succession(store, Home.at(home), station.station, model, opened)
    before: Pipeline | None = None

    def take_over(fresh: Pipeline) -> None:
        nonlocal pipeline, before
        fresh.history, fresh.memory, fresh.catalogue = pipeline.history, pipeline.memory, pipeline.catalogue
        before, pipeline = pipeline, fresh
        _note_what_judges(store, station, pipeline)

    def judge(capture: Capture) -> Judged:
        if (fresh := succession.take()) is not None:
            take_over(fresh)
            if plc is not None:
                plc.model(fresh.judge_model.ref.sha256)
        return pipeline.judge(capture, station)

    def change_recipe(recipe: int) -> str:
        """Put another model in the place of the one that judges; the PLC asks for it only while no part is in hand."""
        take_over(opened(models[recipe]))
        return pipeline.judge_model.ref.sha256

    def beat(wall_utc_ns: int, health: Mapping[str, Any]) -> None:
        store.beat(station.station, wall_utc_ns, health)
        if follows:
            succession.look()

    if plc is not None:
        plc.live_in(home)
        models = plc.recipe_models(model)
        plc.recipes = change_recipe
        plc.model(pipeline.judge_model.ref.sha256)

    def explain(judged: Judged) -> Inspection:
        if knowledge.keep_up():  # an operator said what helped: the next part profits
            pipeline.memory, pipeline.catalogue = knowledge.memory, knowledge.catalogue
        # A part that was judged before another model took over is explained by the one that judged it.
        judged_before = before is not None and judged.verdict.model == before.judge_model.ref
        inspection = (before if judged_before and before is not None else pipeline).explain(judged)
        kept.keep(pipeline.history)
        return inspection

    return Line(agent, judge, explain, keep or store.add, model=pipeline.judge_model.ref, beat=beat, recorder=recorder)


def _note_what_judges(store: Store, station: Station, pipeline: Pipeline) -> None:
    """Put into the audit log by which model, recipe and threshold a station judges, where any of it is another than before."""
    judge, who = pipeline.judge_model, f"station {station.station}"
    model = {"name": judge.ref.name, "version": judge.ref.version, "sha256": judge.ref.sha256}
    threshold = {"threshold": judge.calibration.threshold, "review_from": judge.calibration.review_from}
    for action, detail in (("model", model), ("recipe", judge.manifest.training.recipe), ("threshold", threshold)):
        store.audit.note_change(action, station.station, detail, who)
