"""The house is as ARCHITECTURE.md says: rooms, documents, nothing that does not belong."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP_FOLDERS = ("inspector", "stations", "dashboards", "models", "data", "tests")


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.split("\0") if name]


@pytest.mark.parametrize("folder", TOP_FOLDERS)
def test_each_top_folder_says_what_it_is(folder: str) -> None:
    assert (ROOT / folder / "README.md").read_text(encoding="utf-8").startswith(f"# {folder}/")


def test_no_other_top_folder() -> None:
    tops = {path.relative_to(ROOT).parts[0] for path in tracked_files() if len(path.relative_to(ROOT).parts) > 1}
    assert tops - {".ci", ".streamlit"} == set(TOP_FOLDERS)


@pytest.mark.parametrize("folder", ["models", "data"])
def test_no_python_among_artefacts(folder: str) -> None:
    assert [path for path in tracked_files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] == folder] == []


def test_no_large_file() -> None:
    limits_mb = {"models": 20, "data": 5}
    large = [
        path for path in tracked_files() if path.exists() and path.stat().st_size > 1e6 * limits_mb.get(path.relative_to(ROOT).parts[0], 2)
    ]
    assert large == []


def test_no_vague_module_names() -> None:
    vague = {"utils", "helpers", "manager", "base", "common", "misc"}
    assert [path for path in tracked_files() if path.suffix == ".py" and path.stem in vague] == []
