"""A model's folder says how much its opinion on causes counts; a folder of before says nothing, a damaged one is refused in a line."""

from pathlib import Path

import pytest

from inspector.diagnosis import Credit
from inspector.errors import ModelError
from inspector.pipeline import _load_credit


def test_a_model_of_before_gets_the_usual_credit(tmp_path: Path) -> None:
    assert _load_credit(tmp_path / "credit.json") == Credit()


def test_what_training_found_is_read(tmp_path: Path) -> None:
    (tmp_path / "credit.json").write_text('{"head": 1.0, "symptoms": 0.4}', encoding="utf-8")
    assert _load_credit(tmp_path / "credit.json") == Credit(1.0, 0.4)


@pytest.mark.parametrize("content", ["", "[]", '{"head": 3}', '{"heads": 1}', '{"head": "much"}', '{"head": NaN}'])
def test_a_damaged_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "credit.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=r"credit\.json: does not say .* train the model again"):
        _load_credit(tmp_path / "credit.json")
