"""What one judging process holds and how long it takes to be ready: measured in a process of its own, where nothing else was imported.

python -m inspector.commands.bench_memory MODEL_DIR torch|onnx
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from inspector.errors import ModelError

if TYPE_CHECKING:
    from inspector.pipeline import Pipeline


def pipeline_by(model: Path, runtime: str) -> Pipeline | None:
    """Return a pipeline computed by `torch` or by `onnx`, in which every part fails; None where that cannot compute this model here."""
    from inspector.fusion import artefact
    from inspector.fusion.judge import Judge
    from inspector.fusion.serving import by_trained
    from inspector.pipeline import open_pipeline

    pipeline = None
    manifest = artefact.load_manifest(model)
    if runtime == "onnx":
        found = open_pipeline(model) if manifest.export is not None else None
        pipeline = found if found is not None and found.judge_model.refused is None else None
    else:
        try:
            pipeline = open_pipeline(model, judge=Judge.of(model, manifest, by_trained(model, manifest)))
        except ModelError:
            return None
    if pipeline is not None:
        pipeline.judge_model.decide_at(0.0)
    return pipeline


def measured_apart(model: Path, runtime: str) -> dict[str, Any]:
    """Return resident MB and seconds until ready of a process that judges and explains with one runtime."""
    command = [sys.executable, "-m", "inspector.commands.bench_memory", str(model), runtime]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"rss_mb": None, "ready_s": None, "torch_imported": None}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> int:
    """Judge and explain three made-up parts; print what that took."""
    start = perf_counter()
    model, runtime = Path(sys.argv[1]), sys.argv[2]
    pipeline = pipeline_by(model, runtime)
    assert pipeline is not None
    pipeline.warm_up()
    ready_s = perf_counter() - start
    from inspector.commands.made_up_part import made_up_part

    for seed in range(3):
        pipeline.explain(pipeline.judge_record(made_up_part(pipeline.judge_model.manifest.channels, seed)))
    sys.stdout.write(json.dumps({"rss_mb": _resident_mb(), "ready_s": ready_s, "torch_imported": "torch" in sys.modules}))
    return 0


def _resident_mb() -> float | None:
    """Return what this process holds now (Linux)."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 1e6
    except OSError:
        return None


if __name__ == "__main__":
    sys.exit(main())
