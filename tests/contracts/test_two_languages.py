"""What is written for people in both languages says the same: the README and the operator's guide."""

import re
from pathlib import Path

import pytest

from dashboards.vocabulary import WORDS
from dashboards.words import LANGUAGES, Language, in_language

ROOT = Path(__file__).resolve().parents[2]
DASHBOARDS = ROOT / "dashboards"
PAIRS = {"README": (ROOT / "README.md", ROOT / "README.zh-CN.md"), "guide": (DASHBOARDS / "guide.en.md", DASHBOARDS / "guide.zh-CN.md")}
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
CHINESE = re.compile("[\u4e00-\u9fff]")


def sections(text: str) -> list[str]:
    return re.split(r"^#+ ", text, flags=re.MULTILINE)


def commands(section: str) -> list[str]:
    """Return the lines of code without what is remarked beside them."""
    code = [line.strip() for line in section.splitlines() if line.startswith("    ")]
    return [line for line in (re.sub(r"\s*(?:^|\s)# .*", "", one) for one in code) if line and not CHINESE.search(line)]


def rows(section: str) -> list[list[str]]:
    """Return the numbers of each row of each table."""
    return [sorted(NUMBER.findall(line)) for line in section.splitlines() if line.startswith("|") and not line.startswith("|--")]


def links(section: str) -> set[str]:
    """Return where a section leads to, a place in the other language being the same place."""
    found = re.findall(r"\]\(([^)]+)\)", section)
    return {re.sub(r"(\.en|\.zh-CN)?\.md$", ".md", re.sub(r"-(?:en|zh)\.webp$", ".webp", one)) for one in found}


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> tuple[list[str], list[str]]:
    english, chinese = (path.read_text(encoding="utf-8") for path in PAIRS[request.param])
    return sections(english), sections(chinese)


def test_sections_stand_in_the_same_order(pair: tuple[list[str], list[str]]) -> None:
    english, chinese = pair
    assert len(english) == len(chinese)
    # What is set in code (commands, options, names of files) is the same in any language.
    for ours, theirs in zip(english, chinese, strict=True):
        assert set(re.findall(r"`[^`]+`", theirs)) <= set(re.findall(r"`[^`]+`", " ".join(english))), ours.splitlines()[:1]


def test_commands_are_the_same(pair: tuple[list[str], list[str]]) -> None:
    for ours, theirs in zip(*pair, strict=True):
        assert commands(ours) == commands(theirs)


def test_tables_hold_the_same_figures(pair: tuple[list[str], list[str]]) -> None:
    for ours, theirs in zip(*pair, strict=True):
        assert rows(ours) == rows(theirs)


def test_no_figure_is_only_in_chinese(pair: tuple[list[str], list[str]]) -> None:
    for ours, theirs in zip(*pair, strict=True):
        assert set(NUMBER.findall(theirs)) <= set(NUMBER.findall(ours))


def test_links_and_pictures_lead_to_the_same_places_and_exist(pair: tuple[list[str], list[str]], request: pytest.FixtureRequest) -> None:
    english, chinese = pair
    assert links(" ".join(english)) == links(" ".join(chinese))
    for path in PAIRS[request.node.callspec.params["pair"]]:
        for address in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / address).exists(), f"{path.name}: {address}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_guide_names_buttons_as_the_screen_does(language: Language) -> None:
    text = PAIRS["guide"][list(LANGUAGES).index(language)].read_text(encoding="utf-8")
    named = {name.strip() for name in re.findall(r"(?<!\*)\*([^*\n]+)\*(?!\*)", text)} - {"English / 中文"}
    assert named
    assert named <= {in_language(word, language) for word in WORDS.values()}


def test_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in (DASHBOARDS / "screenshots").iterdir()}
    assert sum(sizes.values()) < 1.5e6, sizes
