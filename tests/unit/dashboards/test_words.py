import re
from pathlib import Path
from typing import get_args

import pytest

import dashboards
from dashboards import words
from dashboards.panels.drawing import WORDS as DRAWING
from dashboards.views.models import STAGES as STAGES_OF_TRAINING
from dashboards.vocabulary import ROOMS, WORDS
from dashboards.vocabulary.names import CAUSES, CHANNELS, DONE, KINDS, PARAMETERS, STAGES
from dashboards.words import kind_name, language_of, say
from inspector.diagnosis.wording import unit_name
from inspector.monitoring.alarms import SHELF_REASONS
from inspector.monitoring.spc import CHARTS
from inspector.review import Reason
from inspector.service import WHY
from inspector.store import ROLES, SCOPES
from inspector.trainings import State

CODE = Path(dashboards.__file__).parent
TABLES = {"words": WORDS, "kinds": KINDS, "causes": CAUSES, "channels": CHANNELS, "parameters": PARAMETERS, "stages": STAGES, "done": DONE}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
LATIN_WORD = re.compile(r"[A-Za-z]{3,}")


def test_no_two_rooms_say_the_same_word_differently():
    assert len(WORDS) == sum(len(room) for room in ROOMS)


@pytest.mark.parametrize("table", TABLES)
def test_every_word_is_in_both_languages(table):
    for key, text in TABLES[table].items():
        assert text.en.strip(), key
        assert CHINESE.search(text.zh), key
        assert not CHINESE.search(text.en), key


def test_chinese_words_keep_no_english_but_names():
    for key, text in WORDS.items():
        rest = re.sub(r"\{\w+\}|`[^`]*`|JSON|EWMA", "", text.zh)
        assert not LATIN_WORD.search(rest), key


def test_both_languages_are_filled_with_the_same_values():
    for key, text in WORDS.items():
        assert sorted(re.findall(r"\{(\w+)\}", text.en)) == sorted(re.findall(r"\{(\w+)\}", text.zh)), key


def test_every_word_that_the_code_says_exists():
    python = "\n".join(path.read_text(encoding="utf-8") for path in CODE.rglob("*.py"))
    script = "\n".join(path.read_text(encoding="utf-8") for path in CODE.rglob("*.js"))
    said = (
        set(re.findall(r'\bsay\("(\w+)"', python)) | set(re.findall(r"\bwords\.(\w+)", script)) | set(re.findall(r"\.say\('(\w+)'", script))
    )
    assert said
    assert said <= set(WORDS)


def test_no_word_is_there_for_nothing():
    everything = "\n".join(
        path.read_text(encoding="utf-8") for pattern in ("*.py", "*.js") for path in CODE.rglob(pattern) if path.parent.name != "vocabulary"
    )
    built = {f"lamp_{state}" for state in ("ok", "missing", "stale", "unknown")} | set(SHELF_REASONS) | {f"chart_{name}" for name in CHARTS}
    built |= {key for key in WORDS if key.startswith("price_")} | {*get_args(Reason)}
    built |= {f"right_{right}" for right in (*ROLES, *SCOPES)} | {"made_password", "made_token"}
    built |= {f"why_{why}" for why in WHY} | {f"training_{state}" for state in get_args(State)} | {f"draw_{word}" for word in DRAWING}
    built |= {f"stage_{stage.replace(' ', '_')}" for stage in STAGES_OF_TRAINING}
    assert [key for key in WORDS if key not in built and not re.search(rf"\b{key}\b", everything)] == []


def test_values_are_filled_in():
    assert say("helped_in", "en", helped=14, tried=15) == "helped in 14 of 15"
    assert say("helped_in", "zh", helped=14, tried=15) == "15 次中 14 次有效"


def test_a_name_that_only_the_plant_knows_is_shown_as_it_is():
    assert kind_name("cold_weld", "zh") == "cold weld"
    assert kind_name("scratch", "zh") == "划痕"
    assert kind_name(None, "en") == ""


@pytest.mark.parametrize(
    ("locale", "language"), [("zh-CN", "zh"), ("zh", "zh"), ("en-GB", "en"), ("de-DE", "en"), ("", "en"), (None, "en")]
)
def test_the_browser_says_which_language(locale, language):
    assert language_of(locale) == language


def test_units_are_written_as_people_write_them():
    assert unit_name("degC") == "°C"
    assert unit_name("bar") == "bar"


def test_all_words_has_each_word():
    assert set(words.all_words("zh")) == set(WORDS)


def test_a_suggestion_says_how_sure_it_is_what_worked_and_what_failed() -> None:
    from dashboards.panels.advice import fix

    suggestion = {
        "action": {"en": "Tighten", "zh": "张紧"},
        "parameters": [{"name": "x", "value": 0.5, "unit": "MPa", "worked_low": 0.48, "worked_high": 0.52, "successes": 12}],
        "tried": 5,
        "helped": 1,
        "chance_interval": [0.11, 0.58],
        "warning": {"en": "helped only once in 5 tries", "zh": "试过 5 次，仅 1 次有效"},
    }
    english, chinese = fix(suggestion, "en"), fix(suggestion, "zh")
    assert "worked at 0.48–0.52 MPa, last 12 successes" in english
    assert "<b>helped only once in 5 tries</b> · helped in 1 of 5 · chance to help 11 to 58 %" in english
    assert "最近 12 次有效时为 0.48–0.52 MPa" in chinese
    assert "有效概率 11–58 %" in chinese
