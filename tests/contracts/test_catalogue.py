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
    assert error.key == "causes.0.told_apart_from.0.cause"
    assert other in str(error)


def test_a_link_to_nobody_is_named(content: dict[str, Any], tmp_path: Path) -> None:
    content["causes"][0]["leads_to"] = {"overheatin": 0.1}
    error = mistake(content, tmp_path)
    assert error.key == "causes.0.leads_to.overheatin"
    assert "did you mean 'overheating'" in str(error)


@pytest.mark.parametrize("where", ["symptoms", "limits"])
def test_a_quantity_that_nothing_measures_is_named(content: dict[str, Any], tmp_path: Path, where: str) -> None:
    entries = content["limits"] if where == "limits" else content["causes"][0]["symptoms"]
    entries[0]["kind"] = "rippel_line"
    error = mistake(content, tmp_path)
    assert error.key == ("limits.0.kind" if where == "limits" else "causes.0.symptoms.0.kind")
    assert "unknown quantity 'rippel_line', did you mean 'ripple_line'?" in str(error)


def test_a_form_by_a_quantity_that_nothing_measures_is_named(content: dict[str, Any], tmp_path: Path) -> None:
    wear = next(place for place, cause in enumerate(content["causes"]) if cause["name"] == "bearing_wear")
    content["causes"][wear]["forms"]["outer_rase"] = {"en": "outer ring", "zh": "外圈"}
    error = mistake(content, tmp_path)
    assert error.key == f"causes.{wear}.forms.outer_rase"
    assert "did you mean 'outer_race'" in str(error)


def test_of_alternatives_each_must_be_measured(content: dict[str, Any], tmp_path: Path) -> None:
    content["causes"][0]["symptoms"][0]["kind"] = "ripple_line|rippel"
    assert mistake(content, tmp_path).key == "causes.0.symptoms.0.kind"


WRONG = """\
not_measured: {prior: 0.3, defect: 0.06, title: {en: not measured, zh: 未测得}}
causes:
  - name: one
    title: {en: one, zh: 一}
    prior: 1.5
    because: {en: so, zh: 故}
    symptoms: [{kind: magic, p_if_present: 0.8, p_if_absent: 0.04}]
    leads_to: {two: 0.1, nobody: 0.2}
    test: {en: look, zh: 看, minutes: 2}
  - name: two
    title: {en: two, zh: 二}
    prior: 0.1
    prior: 0.2
    because: {en: so, zh: 故}
    symptoms: [{kind: level, p_if_present: 1.2, p_if_absent: 0.04}]
    leads_to: {one: 0.1}
    test: {en: look, zh: 看, minutes: 2}
  - name: one
    title: {en: one again, zh: 又一}
    prior: 0.1
    because: {en: so, zh: 故}
    symptoms: [{kind: level, p_if_present: 0.8, p_if_absent: 0.04, direction: upward}]
    test: {en: look, zh: 看}
"""


def test_all_mistakes_come_at_once_each_with_its_key_and_line(tmp_path: Path) -> None:
    path = tmp_path / "causes.yaml"
    path.write_text(WRONG, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_catalogue(path)
    said = str(caught.value)
    for key, words, line in (
        ("causes.0.prior", "less than 1", 5),
        ("causes.0.symptoms.0.kind", "unknown quantity 'magic'", 7),
        ("causes.0.leads_to.nobody", "is no cause of this catalogue", 8),
        ("causes.0.leads_to", "circle: one -> two -> one", 8),
        ("causes.1.prior", "is given twice, first on line 12", 13),
        ("causes.1.symptoms.0.p_if_present", "less than 1", 15),
        ("causes.2.name", "'one' is there twice, at 0 and at 2", 18),
        ("causes.2.symptoms.0.direction", "'high', 'low' or 'any'", 22),
        ("causes.2.test.minutes", "is missing", 23),
    ):
        assert re.search(rf"{re.escape(key)}: [^;]*{re.escape(words)}[^()]*\(line {line}\)", said), (key, said)
    assert "\n" not in said


OWN = """\
causes:
  - name: belt_slip
    title: {en: slack belt, zh: 皮带松弛}
    prior: 0.2
    because: {en: as ever here, zh: 本厂常见}
    symptoms: [{kind: level, p_if_present: 0.8, p_if_absent: 0.04}]
    leads_to: {own_cause: 0.2}
    test: {en: pull at it, zh: 拉一下, minutes: 1}
  - name: own_cause
    title: {en: own cause, zh: 自有原因}
    prior: 0.02
    because: {en: so, zh: 故}
    symptoms: [{kind: level, p_if_present: 0.8, p_if_absent: 0.04}]
    told_apart_from: [{cause: overheating, test: {en: look, zh: 看, minutes: 2}}]
    test: {en: look, zh: 看, minutes: 2}
limits: [{kind: envelope_bpfo, high: 14.0}]
words: {kiln: 窑}
"""


def test_an_installation_changes_shipped_causes_and_adds_its_own(tmp_path: Path) -> None:
    path = tmp_path / "causes.yaml"
    path.write_text(OWN, encoding="utf-8")
    shipped_one, own = load_catalogue(), load_catalogue(None, path)
    assert own.by_name["belt_slip"].title.en == "slack belt"
    assert set(own.by_name) == {*shipped_one.by_name, "own_cause"}
    assert own.limits[0].high == 14.0
    assert own.words["kiln"] == "窑"
    assert load_catalogue(None, tmp_path / "none.yaml") == shipped_one


def test_a_mistake_in_the_installations_file_is_named_there(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN.replace("own_cause: 0.2", "own_cause: 0.2, gremlins: 0.1"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"own\.yaml, causes\.0\.leads_to\.gremlins: .*\(line 7\)"):
        load_catalogue(None, path)


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
