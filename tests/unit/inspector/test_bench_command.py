"""What `inspector bench` judges where it is given nothing, and how it tells what it found."""

import numpy as np
import pytest

from inspector.commands.bench import report
from inspector.commands.golden_parts import golden_parts
from inspector.commands.made_up_part import made_up_part
from inspector.errors import UsageError
from inspector.features import extract

CHANNELS = {"top": "image", "mic": "audio", "motor": "vibration", "oil": "series"}


def test_a_made_up_part_has_what_a_line_has_and_is_whole():
    part = made_up_part(CHANNELS, 3)
    found = extract(part)
    assert found.pictures["top"].pixels.shape == (480, 640, 3)
    assert set(found.vectors) == {"mic", "motor", "oil"}
    assert all(quality > 0 for quality in found.quality.values())
    assert np.array_equal(part.frames["top"].pixels, made_up_part(CHANNELS, 3).frames["top"].pixels)


def test_golden_parts_that_are_not_there_are_named(tmp_path):
    with pytest.raises(UsageError, match=r"monday.mcap: there is nothing there; give a recording"):
        golden_parts(tmp_path / "monday.mcap", 5)


def test_the_table_tells_each_runtime_and_how_they_compare():
    spread = {"p50": 40.0, "p95": 50.0, "p99": 60.0}
    stages = dict.fromkeys(("features", "judge", "localize", "looks", "diagnose", "suggest"), spread)
    one = {"verdict_ms": spread, "explained_ms": spread, "stages_ms": stages, "parts_per_s": 25.0, "rss_mb": None, "ready_s": 2.0}
    document = {
        "machine": {"processor": "x86_64 Some", "cores": 2, "instructions": ["avx2"]},
        "model": {"name": "m", "version": "1"},
        "parts": {"count": 3, "from": "made up"},
        "serving": "onnx",
        "plain_ms": spread,
        "ratio_to_plain": 6.1,
        "ratio_to_torch": 2.2,
        "exports": {"torch": one | {"served_by": "torch 2"}, "onnx": one | {"served_by": "onnxruntime 1"}},
    }
    text = "\n".join(report(document))
    assert "onnx is 6.1 times as fast as the plain way" in text
    assert "onnx is 2.2 times as fast as torch" in text
    assert "–" in next(line for line in text.splitlines() if line.startswith("resident"))
