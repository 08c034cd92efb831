"""Every sentence is there in both languages, for every cause, quantity, test and kind of evidence, and says only what was measured."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from inspector.config import MachineConfig
from inspector.diagnosis import Catalogue, Normal
from inspector.diagnosis.findings import Finding, findings
from inspector.diagnosis.measurements import Measurement
from inspector.diagnosis.next_test import next_test
from inspector.diagnosis.ranking import Ranking, Suspect
from inspector.diagnosis.sentences import Case, conclusion, report
from inspector.diagnosis.witnesses import Witness
from inspector.diagnosis.wording import evidence_of, key_phrase, kind_title, known_kinds, since_text
from inspector.parts import NOT_MEASURED, Cause, Defect, Evidence, ModelRef, Text, Verdict

CHINESE = re.compile(r"[\u4e00-\u9fff]")
REF = ModelRef("test", "1", "0" * 64)
VERDICTS = {
    "pass": Verdict("pass", 0.1, 0.5, REF),
    "fail": Verdict("fail", 0.9, 0.5, REF, (Defect("scratch", 0.9, "camera", (0, 0, 100, 10)),)),
    "review": Verdict("review", 0.5, 0.5, REF),
    "review of a defect": Verdict("review", 0.5, 0.5, REF, (Defect("burr", 0.5),)),
}
CAUSES = [
    *("belt_slip", "bearing_wear", "imbalance", "cooling_failure", "low_air_pressure", "tool_wear", "lens_dirt", "light_failure"),
    *("fan_imbalance", "misalignment", "looseness", "lubrication_loss", "overheating", "pump_leak", "low_pressure", "cavitation"),
    *("blocked_flow", "wrong_machine_data", NOT_MEASURED),
]


def finding(kind: str = "ripple_line", value: float = 0.82, unit: str = "A", start_s: float = -2.1) -> Finding:
    item = Measurement("motor_current", "series", kind, value, unit, start_s, 0.0, at_hz=31.0, channel_unit="A")
    return Finding(item, 0.05, 0.12, 9.0, learnt=True)


def witness(catalogue: Catalogue, seen: Finding, name: str = "belt_slip", **more: object) -> Witness:
    return replace(Witness(catalogue.by_name[name].symptoms[0], seen, f"{name}.symptoms.0", 1.0, 0.03, 0.8), **more)  # type: ignore[arg-type]


def case(catalogue: Catalogue, verdict: Verdict, *suspects: Suspect, strange: tuple[Finding, ...] = (), both: float = 0.0) -> Case:
    together = {(suspects[0].name, suspects[1].name): both} if len(suspects) > 1 else {}
    return Case(Ranking(suspects, together), strange, ("camera", "motor_current"), verdict, MachineConfig(), catalogue)


def assert_both(text: Text | None) -> None:
    assert text is not None
    assert CHINESE.search(text.zh), text
    assert not CHINESE.search(text.en), text
    for said in (text.en, text.zh):
        assert "_" not in said.replace("motor_current", ""), said
        assert not re.search(r"\bNone\b|\bnan\b|\(\)|（）|  |,,|\{|\}", said), said


def test_the_shipped_causes_are_all_tried_here(catalogue: Catalogue) -> None:
    assert set(CAUSES) == {*catalogue.by_name, NOT_MEASURED}


@pytest.mark.parametrize("name", CAUSES)
@pytest.mark.parametrize("outcome", VERDICTS)
def test_every_cause_is_said_in_both_languages(catalogue: Catalogue, name: str, outcome: str) -> None:
    for probability in (0.95, 0.6, 0.3):
        heard = () if name == NOT_MEASURED else (witness(catalogue, finding()),)
        suspect = Suspect(name, probability, tuple(replace(one, rule=f"{name}.symptoms.0") for one in heard))
        told = case(catalogue, VERDICTS[outcome], suspect)
        evidence = tuple(evidence_of(one.finding, catalogue, one) for one in heard)
        causes = [Cause(name, probability, catalogue.title_of(name), evidence, evidence)]
        assert_both(conclusion(told))
        assert_both(report(told, causes, Text("look", "查看")))
        assert "\n" not in conclusion(told).en + conclusion(told).zh


@pytest.mark.parametrize("kind", known_kinds())
def test_every_quantity_is_said_in_both_languages(catalogue: Catalogue, kind: str) -> None:
    assert_both(kind_title(kind))
    for low, high, learnt in ((0.05, 0.12, True), (None, 0.12, False), (0.9, None, False)):
        seen = replace(finding(kind), low=low, high=high, learnt=learnt)
        evidence = evidence_of(seen, catalogue, witness(catalogue, seen))
        assert_both(evidence.text)
        assert_both(key_phrase(seen, catalogue))
        assert evidence.rule == "belt_slip.symptoms.0"
        assert evidence.at_hz == 31.0
        assert "31.0 Hz" in evidence.text.en


@pytest.mark.parametrize("name", [name for name in CAUSES if name != NOT_MEASURED])
def test_every_test_is_said_in_both_languages(catalogue: Catalogue, name: str) -> None:
    rule = catalogue.by_name[name]
    for rival in (NOT_MEASURED, *(contrast.cause for contrast in rule.told_apart_from)):
        said = next_test(Ranking((Suspect(name, 0.5), Suspect(rival, 0.4)), {(name, rival): 0.01}), catalogue)
        assert_both(said)
        assert re.search(r"\([\d.]+ min\)$", said.en if said else "")
        assert re.search(r"（[\d.]+ 分钟）$", said.zh if said else "")


def test_evidence_out_of_time_order_says_so(catalogue: Catalogue) -> None:
    seen = finding()
    late = evidence_of(seen, catalogue, witness(catalogue, seen, in_order=False, weight=0.0))
    assert "at another time than the rest" in late.text.en
    assert late.likelihood_ratio is None
    assert_both(late.text)


def test_evidence_says_how_often_good_parts_are_so(catalogue: Catalogue) -> None:
    item = finding().measurement
    good = [{item.key: replace(item, value=0.1 + 0.0001 * number)} for number in range(99)]
    never, rarely = Normal.fit(good), Normal.fit([*good, {item.key: replace(item, value=0.9)}])

    def evidence(normal: Normal) -> Evidence:
        return evidence_of(findings({item.key: item}, normal, catalogue)[0], catalogue)

    assert evidence(never).text.en.endswith("seen on no good part here")
    assert evidence(rarely).beyond_share == pytest.approx(0.01)
    assert evidence(rarely).text.en.endswith("seen on 1.0 % of good parts here")


def test_the_operators_sentence_has_defect_cause_number_and_time(catalogue: Catalogue) -> None:
    told = conclusion(case(catalogue, VERDICTS["fail"], Suspect("belt_slip", 0.95, (witness(catalogue, finding()),))))
    assert told.en == (
        "Scratch along the belt, caused by belt slip since 2.1 s before the part "
        "(motor current ripple 0.820 A at 31.0 Hz, normally up to 0.120 A)"
    )
    assert told.zh == "沿输送方向的划痕，由皮带打滑引起，自工件到位前 2.1 秒起（电机电流纹波 0.820 A（31.0 Hz），正常不超过 0.120 A）"


def test_a_second_likely_cause_is_named_and_an_effect_is_called_so(catalogue: Catalogue) -> None:
    slip = Suspect("belt_slip", 0.95, (witness(catalogue, finding()),))
    hot = replace(finding("level", 55.0, "degC"), measurement=Measurement("oil", "series", "level", 55.0, "degC", 0.0, 0.0))
    wear = Suspect("tool_wear", 0.9, (witness(catalogue, hot, "tool_wear"),))
    heat = Suspect("overheating", 0.9, (witness(catalogue, hot, "overheating"),))
    beside = conclusion(case(catalogue, VERDICTS["fail"], slip, wear, both=0.85))
    brought = conclusion(case(catalogue, VERDICTS["fail"], slip, heat, both=0.85))
    assert "; also tool wear (oil reading 55.00 °C" in beside.en
    assert "同时存在刀具磨损" in beside.zh
    assert "; it has brought about overheating (" in brought.en
    assert "已导致过热" in brought.zh


def test_what_one_cause_explains_names_no_second(catalogue: Catalogue) -> None:
    slip = Suspect("belt_slip", 0.95, (witness(catalogue, finding()),))
    wear = Suspect("bearing_wear", 0.6, (witness(catalogue, finding(), "bearing_wear"),))
    assert "also" not in conclusion(case(catalogue, VERDICTS["fail"], slip, wear)).en


@pytest.mark.parametrize(
    ("channels", "en", "zh"),
    [
        ((), "no cause was measured", "；未测得原因"),
        (("motor",), "no cause was measured on motor", "；电机未测得原因"),
        (("motor", "oil"), "no cause was measured on motor and oil", "；电机、油均未测得原因"),
        (("motor", "oil", "pump", "fan"), "no cause was measured on 4 channels", "；4 个通道均未测得原因"),
    ],
)
def test_channels_are_counted_and_joined_as_people_do(catalogue: Catalogue, channels: tuple[str, ...], en: str, zh: str) -> None:
    told = replace(case(catalogue, VERDICTS["fail"], Suspect(NOT_MEASURED, 0.9)), channels=channels)
    assert conclusion(told).en.endswith(f"; {en}")
    assert conclusion(told).zh.endswith(zh)


def test_when_a_cause_began(catalogue: Catalogue) -> None:
    assert since_text(-2.14).en == "2.1 s before the part"
    assert since_text(-42.4).zh == "工件到位前 42 秒"
    assert since_text(-5400.0).en == "90.0 min before the part"
    assert since_text(None).en == since_text(0.0).en == ""
