"""The catalogue of causes: the shipped one is whole, and each mistake an engineer can make is told with file and key."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from inspector.config import read_yaml
from inspector.diagnosis import load_catalogue
from inspector.errors import ConfigError
from inspector.home import shipped

CHINESE = re.compile(r"[\u4e00-\u9fff]")
DEMO_CAUSES = {
    "belt_slip",
    "bearing_wear",
    "imbalance",
    "cooling_failure",
    "low_air_pressure",
    "tool_wear",
    "lens_dirt",
    "light_failure",
}


@pytest.fixture
def content() -> dict[str, Any]:
    return read_yaml(shipped("data/knowledge/causes.yaml"))


def mistake(content: dict[str, Any], tmp_path: Path) -> ConfigError:
    path = tmp_path / "causes.yaml"
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"causes\.yaml") as caught:
        load_catalogue(path)
    assert "\n" not in str(caught.value)
    return caught.value


def test_the_shipped_catalogue_knows_the_causes_of_the_demo_and_of_other_lines() -> None:
    names = set(load_catalogue().by_name)
    assert names >= DEMO_CAUSES | {"fan_imbalance", "pump_leak", "low_pressure", "cavitation", "misalignment", "looseness", "overheating"}


def test_every_word_of_the_shipped_catalogue_is_there_in_both_languages(content: dict[str, Any]) -> None:
    def titles(node: object) -> list[dict[str, str]]:
        if isinstance(node, dict):
            here = [node] if "en" in node else []
            return here + [title for value in node.values() for title in titles(value)]
        return [title for value in node for title in titles(value)] if isinstance(node, list) else []

    found = titles(content)
    assert len(found) > 50
    for title in found:
        assert title["en"].strip(), title
        assert not CHINESE.search(title["en"]), title
        assert CHINESE.search(title["zh"]), title


def test_every_cause_has_a_symptom_that_speaks_and_a_test() -> None:
    for cause in load_catalogue().causes:
        assert max(symptom.p_if_present / symptom.p_if_absent for symptom in cause.symptoms) > 5, cause.name
        assert cause.test.minutes > 0


def test_a_misspelt_key_is_named(content: dict[str, Any], tmp_path: Path) -> None:
    content["causes"][0]["symptoms"][0]["chanel"] = "x"
    assert mistake(content, tmp_path).key == "causes.0.symptoms.0.chanel"


@pytest.mark.parametrize("likelihood", [1.2, 1.0, 0.0, -0.1, "often"])
def test_an_impossible_likelihood_is_named(content: dict[str, Any], tmp_path: Path, likelihood: object) -> None:
    content["causes"][1]["symptoms"][0]["p_if_present"] = likelihood
    assert mistake(content, tmp_path).key == "causes.1.symptoms.0.p_if_present"


def test_defects_that_add_up_to_more_than_one_are_named(content: dict[str, Any], tmp_path: Path) -> None:
    content["causes"][0]["defects"] = {"scratch": 0.8, "burr": 0.4}
    assert "add up to 1.20" in str(mistake(content, tmp_path))


def test_a_cause_that_is_there_twice_is_named(content: dict[str, Any], tmp_path: Path) -> None:
    content["causes"].append(content["causes"][0])
    error = mistake(content, tmp_path)
    assert error.key == f"causes.{len(content['causes']) - 1}.name"
    assert "belt_slip" in str(error)


def test_a_circle_of_causes_is_named(content: dict[str, Any], tmp_path: Path) -> None:
    by_name = {cause["name"]: cause for cause in content["causes"]}
    by_name["overheating"]["leads_to"] = {"belt_slip": 0.1}
    error = mistake(content, tmp_path)
    assert error.key is not None
    assert error.key.endswith("leads_to")
    assert "belt_slip -> overheating -> belt_slip" in str(error)


@pytest.mark.parametrize("other", ["belt_slip", "gremlins"])
def test_a_contrast_to_itself_or_to_nobody_is_named(content: dict[str, Any], tmp_path: Path, other: str) -> None:
    content["causes"][0]["told_apart_from"][0]["cause"] = other
    error = mistake(content, tmp_path)
    assert error.key == "causes.0.told_apart_from"
    assert other in str(error)


def test_a_pattern_that_is_none_is_named(content: dict[str, Any], tmp_path: Path) -> None:
    content["causes"][0]["symptoms"][0]["channel"] = "(motor"
    assert mistake(content, tmp_path).key == "causes.0.symptoms.0.channel"


def test_a_missing_translation_is_named(content: dict[str, Any], tmp_path: Path) -> None:
    del content["causes"][0]["title"]["zh"]
    assert mistake(content, tmp_path).key == "causes.0.title.zh"


def test_a_limit_the_wrong_way_round_is_told(content: dict[str, Any], tmp_path: Path) -> None:
    content["limits"].append({"kind": "level", "low": 3, "high": 1})
    assert "must be below" in str(mistake(content, tmp_path))


def test_a_catalogue_that_is_not_there_or_no_yaml_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_catalogue(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("causes: [", encoding="utf-8")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_catalogue(tmp_path / "bad.yaml")
