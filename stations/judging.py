"""A line that judges for an installation: its model, its store, and its memory of fixes as operators go on teaching it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from inspector.commands.installation import open_memory
from inspector.pipeline import Judged, open_pipeline
from stations.agent import Agent
from stations.line import Line
from stations.recorder import Recorder

if TYPE_CHECKING:
    from inspector.parts import Inspection
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
    pipeline = open_pipeline(model, open_memory(store, home))
    pipeline.warm_up()
    known = store.knowledge_version()

    def explain(judged: Judged) -> Inspection:
        nonlocal known
        if (now := store.knowledge_version()) != known:  # an operator said what helped: the next part profits
            pipeline.memory, known = open_memory(store, home), now
        return pipeline.explain(judged)

    return Line(
        agent,
        partial(pipeline.judge, station=station),
        explain,
        keep or store.add,
        model=pipeline.judge_model.ref,
        beat=partial(store.beat, station.station),
        recorder=recorder,
    )
