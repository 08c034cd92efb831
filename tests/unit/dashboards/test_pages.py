import json
import re
import subprocess
import sys
import time

import pytest
from streamlit.testing.v1 import AppTest

from dashboards import command
from dashboards.views import guide, history
from inspector import service
from inspector.config import CostsConfig
from inspector.document import inspection_document
from inspector.errors import UsageError
from inspector.home import DEMO_MODEL, newest_version
from inspector.monitoring.watching import Watch
from inspector.replay.comparing import Comparison
from inspector.store.replays import ReplayWriter

HURTFUL = "<script>alert(1)</script>"


def part_page():
    from dashboards.views import part

    part.show()


def history_page():
    from dashboards.views import history

    history.show()


def guide_page():
    from dashboards.views import guide

    guide.show()


def spc_page():
    from dashboards.views import spc

    spc.show()


def handover_page():
    from dashboards.views import handover

    handover.show()


def replay_page():
    from dashboards.views import replay

    replay.show()


def review_page():
    from dashboards.views import review

    review.show()


def causes_page():
    from dashboards.views import causes

    causes.show()


def run(page, **query):
    app = AppTest.from_function(page, default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def html_of(app):
    return " ".join(element.proto.body for element in app.get("html"))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_part_page_shows_everything_of_a_failed_part(store, made_line, lang):
    store.add(made_line.inspection(4))
    inspection_id = store.add(made_line.inspection(5, fault=made_line.FAULTS[1]))
    store.add(made_line.inspection(6))
    app = run(part_page, id=inspection_id, lang=lang)
    shown = html_of(app)
    expected = {"en": ("FAIL", "Bearing wear", "helped in 6 of 9", "87.8 Hz"), "zh": ("不合格", "轴承磨损", "9 次中 6 次有效", "87.8 Hz")}
    for text in ("P-000005", *expected[lang]):
        assert text in shown
    assert len(app.get("plotly_chart")) == 3 + 6
    assert len(app.get("audio")) == 1


def test_a_part_that_needs_a_person_says_why_in_the_readers_language(store, made_line):
    store.add(made_line.inspection(16, outcome="review", missing=("microphone",)))
    app = run(part_page, lang="zh")
    assert "需要人工查看" in app.info[0].value
    assert "麦克风" in app.warning[0].value
    assert "零件窗口内无采样" in app.warning[0].value


@pytest.mark.parametrize(("lang", "title"), [("en", "Operator's guide"), ("zh", "操作员指南")])
def test_the_guide_is_shown_with_pictures_that_are_there(store, lang, title):
    (shown,) = [element.value for element in run(guide_page, lang=lang).markdown]
    assert title in shown
    addresses = re.findall(r"\]\(([^)]+)\)", shown)
    assert addresses
    assert {address.removeprefix("/guide/") for address in addresses} <= set(guide.pictures())


def test_notes_are_read_and_heard_on_the_part_page(store, made_line):
    inspection_id = store.add(made_line.inspection(5, fault=made_line.FAULTS[1]))
    recording = store.keep_spoken(inspection_id, b"OggS" + bytes(100))
    store.add_feedback(inspection_id, "note", who="mei", detail={"recording": recording})
    store.add_feedback(inspection_id, "note", who="lei", note=HURTFUL)
    app = run(part_page, id=inspection_id)
    assert len(app.get("audio")) == 2
    assert HURTFUL not in html_of(app)
    assert "&lt;script&gt;" in html_of(app)
    (store.get(inspection_id).folder / "spoken" / recording["name"]).unlink()
    assert "the recording is no longer kept" in html_of(run(part_page, id=inspection_id))


def test_without_an_id_the_last_finding_is_shown(store, made_line):
    store.add(made_line.inspection(5, fault=made_line.FAULTS[0]))
    store.add(made_line.inspection(6))
    assert "P-000005" in html_of(run(part_page))


def test_a_part_without_evidence_or_diagnosis_is_shown_too(store, made_line):
    inspection_id = store.add(made_line.inspection(7))
    for path in (store.get(inspection_id).folder).iterdir():
        path.unlink()
    assert "no longer kept" in html_of(run(part_page, id=inspection_id))


def test_an_empty_installation_says_so(store):
    assert "No parts yet" in html_of(run(part_page))
    assert "No parts yet" in html_of(run(history_page))


def test_a_wrong_id_leads_to_the_newest_part(store, made_line):
    store.add(made_line.inspection(3))
    assert "P-000003" in html_of(run(part_page, id="../../etc/passwd"))


def test_a_part_is_found_by_its_number(store, made_line):
    store.add(made_line.inspection(3))
    store.add(made_line.inspection(4))
    app = run(part_page)
    app.text_input(key="wanted").set_value("P-000003").run()
    assert "P-000003" in html_of(app)
    app.text_input(key="wanted").set_value("P-9").run()
    assert "P\\-9" in app.warning[0].value


def test_a_click_stores_the_answer(store, made_line):
    inspection_id = store.add(made_line.inspection(5, fault=made_line.FAULTS[0]))
    app = run(part_page, id=inspection_id)
    app.button(key="answer-helped").click().run()
    assert [(item.kind, item.fix_id) for item in store.feedback(inspection_id)] == [("helped", "tension-belt")]


def test_text_of_the_plant_is_never_markup(store, made_line):
    inspection_id = store.add(made_line.inspection(5, fault=made_line.FAULTS[0], part_id=HURTFUL))
    for page in (part_page, history_page):
        shown = html_of(run(page, id=inspection_id))
        assert HURTFUL not in shown
        assert "&lt;script&gt;" in shown


def test_history_lists_and_filters(store, made_line):
    for number in range(12):
        made_line.write(store, number)
    app = run(history_page)
    shown = html_of(app)
    assert shown.count("<tr>") == 1 + 12
    assert len(app.get("plotly_chart")) == 3
    app.selectbox(key="outcome").select("fail").run()
    assert html_of(app).count("<tr>") == 1 + 2
    app.text_input(key="part-text").set_value("000011").run()
    assert html_of(app).count("<tr>") == 1 + 1
    app.selectbox(key="kind").select("scratch").run()
    assert "No part matches" in html_of(app)


def test_history_is_paged(store, made_line, monkeypatch):
    monkeypatch.setattr(history, "_PARTS_A_PAGE", 3)
    for number in range(5):
        store.add(made_line.inspection(number))
    app = run(history_page)
    app.button(key="older-page").click().run()
    assert html_of(app).count("<tr>") == 1 + 2
    app.button(key="newer-page").click().run()
    assert html_of(app).count("<tr>") == 1 + 3


def test_control_charts_need_parts_that_say_what_is_usual(store, made_line):
    store.add(made_line.inspection(1))
    assert "200 parts are needed" in html_of(run(spc_page))


@pytest.mark.parametrize(("lang", "usual"), [("en", "As usual"), ("zh", "正常")])
def test_control_charts_say_in_words_what_they_show(store, made_line, monkeypatch, lang, usual):
    from dashboards.views import spc as page
    from inspector.store import InspectionSummary

    now_ns = time.time_ns()
    parts = [
        InspectionSummary(f"{n:05d}", f"P{n}", "s", now_ns + n * 10**9, "pass", n * 7919 % 1009 / 1009, 0.5, None, None, True, 1.0, False)
        for n in range(400)
    ]
    store.add(made_line.inspection(1))
    monkeypatch.setattr(page.queries, "recent", lambda *_, **__: parts[::-1])
    app = run(spc_page, lang=lang)
    shown = html_of(app)
    assert len(app.get("plotly_chart")) == 4
    assert usual in shown
    assert "3600" in shown


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_hand_over_lists_what_is_open_and_escapes_what_people_wrote(store, made_line, lang):
    inspection_id = store.add(made_line.inspection(5, fault=made_line.FAULTS[0], part_id=HURTFUL))
    Watch(store, "demo-press").look()
    setting = {"name": "belt_tension", "value": 0.52, "unit": "MPa"}
    store.add_feedback(inspection_id, "applied", "tension-belt", HURTFUL, detail={"parameters": [setting]})
    store.add_feedback(inspection_id, "note", who="mei", note=HURTFUL)
    store.add_feedback(inspection_id, "maintenance", who="mei")
    shown = html_of(run(handover_page, lang=lang))
    assert HURTFUL not in shown
    assert "&lt;script&gt;" in shown
    for text in {"en": ("Belt slip", "belt tension 0.52 MPa", "Raise the belt"), "zh": ("皮带打滑", "皮带张紧力 0.52 MPa", "提高皮带")}[
        lang
    ]:
        assert text in shown


def test_a_list_says_each_outcome_by_shape_and_word(store, made_line):
    store.add(made_line.inspection(1))
    table = history.parts_table(tuple(store.recent()), "zh")
    assert "合格" in table
    assert "data:image/svg+xml" in table


def test_a_port_in_use_is_passed_over():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert command.free_port("127.0.0.1", port) != port
    with pytest.raises(UsageError, match="must be from"):
        command.free_port("127.0.0.1", 99999)
    with pytest.raises(UsageError, match="not an address of this machine"):
        command.free_port("203.0.113.7", 8501)


def test_the_pages_start_without_heavy_packages():
    code = (
        "import sys, dashboards.server, dashboards.views.live, dashboards.views.part, dashboards.views.history,"
        "dashboards.views.alarms, dashboards.views.wall, dashboards.views.spc, dashboards.views.handover;"
        "print([name for name in ('torch', 'librosa', 'sklearn', 'cv2', 'stations') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- replay ------------------------------------------------------------------------------------------------------------------------


def keep_replay(home, made_line, *, name="shift-3", part_id=None):
    """Keep a replay of four parts, of which the second way passes one that failed."""
    comparison, writer = Comparison(CostsConfig(escape=100, reject=5, review=1)), ReplayWriter(home / "replays", name)
    documents = []
    for number in range(4):
        fault = made_line.FAULTS[number // 2] if number % 2 else None
        before = made_line.inspection(number, fault=fault, part_id=part_id)
        after = made_line.inspection(number, fault=fault if number != 3 else None, part_id=part_id)
        comparison.add(number, before, after, fault.kind if fault else "ok")
        documents.append(inspection_document(before))
        writer.add(number, before)
        writer.add_after(number, after, inspection_document(after))
    sides = {"before": {"model": "models/demo-press/1.0.0"}, "after": {"model": "models/other/2.0.0", "threshold": 0.9}}
    writer.finish({"recording": "r.mcap", "parts": documents, "compare": {**sides, **comparison.document()}})


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_replay_is_shown_both_ways_with_what_each_costs(store, made_line, tmp_path, lang):
    keep_replay(tmp_path, made_line)
    app = run(replay_page, lang=lang, number="1")
    shown = html_of(app)
    words = {"en": ("Before", "costs 100 more", "known of 4 of 4"), "zh": ("原方式", "代价增加 100", "4 件中有 4 件")}
    for text in (*words[lang], "P-000001", "other/2.0.0", "FAIL" if lang == "en" else "不合格"):
        assert text in shown
    assert len(app.get("plotly_chart")) == 1


def test_one_jumps_between_the_parts_that_changed(store, made_line, tmp_path):
    keep_replay(tmp_path, made_line)
    app = run(replay_page, lang="en")
    assert "P-000000" in html_of(app)
    app.button(key="later").click().run()
    assert "P-000001" in html_of(app)
    app.button_group(key="replay-filter").set_value("changed_parts").run()
    shown = html_of(app)
    assert "P-000003" in shown
    assert "1 / 1" in shown
    assert "escape" in shown


def test_text_of_the_plant_is_no_markup_in_a_replay(store, made_line, tmp_path):
    keep_replay(tmp_path, made_line, part_id=HURTFUL)
    assert HURTFUL not in html_of(run(replay_page))


def test_without_a_replay_the_page_says_so(store):
    assert "No replay has been kept yet" in html_of(run(replay_page, replay="../../etc"))


# --- review ------------------------------------------------------------------------------------------------------------------------


def test_a_part_is_labelled_by_whoever_is_here(store, made_line):
    inspection_id = store.add(made_line.inspection(5, outcome="review"))
    app = run(review_page, lang="en")
    assert "P-000005" in html_of(app)
    app.selectbox(key=f"kind-{inspection_id}").select("scratch")
    app.selectbox(key=f"cause-{inspection_id}").select("belt_slip")
    app.button[-1].click().run()
    (label,) = store.labels([inspection_id])[inspection_id]
    assert (label.kind, label.cause, label.who) == ("scratch", "belt_slip", "tester")
    assert "Nothing to look at" in html_of(app)


def test_a_statement_that_contradicts_the_record_is_pointed_out(store, made_line):
    inspection_id = store.add(made_line.inspection(5, fault=made_line.FAULTS[0]))
    app = run(part_page, id=inspection_id, lang="zh")
    app.text_area[0].set_value("零件合格，放行。").run()
    assert "与记录矛盾" in html_of(app)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_causes_over_time_lead_down_to_the_parts(store, made_line, lang):
    for number in range(12):
        store.add(made_line.inspection(number, fault=made_line.FAULTS[0] if number % 2 else None))
    app = run(causes_page, lang=lang)
    shown = html_of(app)
    for text in ("P-000011", *(("Belt slip", "Motor current 6") if lang == "en" else ("皮带打滑", "电机电流 6"))):
        assert text in shown
    assert len(app.get("plotly_chart")) == 1


# --- models and devices --------------------------------------------------------------------------------------------------------------


def models_page():
    from dashboards.views import models

    models.show()


def stations_page():
    from dashboards.views import stations

    stations.show()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_models_page_says_what_serves_and_what_hinders_another(store, made_line, tmp_path, lang):
    inspection_id = store.add(made_line.inspection(5, fault=made_line.FAULTS[0], part_id=HURTFUL))
    store.add_label(inspection_id, "scratch", None, "Li Wei")
    store.services.set_golden(inspection_id, golden=True)
    model = tmp_path / "models" / "mine" / "1.0.0"
    model.mkdir(parents=True)
    (model / "manifest.yaml").write_text("name: mine\nversion: 1.0.0\nweights: {sha256: abc}\n")
    (model / "card.md").write_text(f"# mine {HURTFUL}")
    told = {"folder": str(model), "name": "mine", "version": "1.0.0", "sha256": "abc"}
    store.signed("Li Wei").services.activate("demo-press", told, None, {})
    candidate = service.model_of(newest_version(DEMO_MODEL))
    side = {"escapes": 1, "overkill": 0, "reviews": 2, "cost": 7.5}
    changed = {"part_id": HURTFUL, "outcome": ["pass", "fail"], "score": [0.1, 0.9], "truth": "scratch"}
    compared = {"changed": [changed], "costs": {"known": 3, "before": side, "after": side}}
    wrong = {"part_id": HURTFUL, "truth": "scratch", "outcome": "pass", "score": 0.1}
    check = {"serving": {"sha256": "abc"}, "candidate": candidate, "golden_ids": [inspection_id], "golden": {"parts": 1, "wrong": [wrong]}}
    check |= {"compare": compared, "parts": 5, "replay": "check-1", "at_utc_ns": 0}
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / f"demo-press-{candidate['sha256'][:16]}.json").write_text(json.dumps(check))
    shown = html_of(run(models_page, lang=lang))
    assert HURTFUL not in shown
    for text in (
        "mine 1.0.0",
        "Li Wei",
        "&lt;script&gt;",
        "7.5",
        *(("Judges golden parts wrong", "0 of 1") if lang == "en" else ("标准件判定有误", "0 / 1")),
    ):
        assert text in shown


def test_a_model_is_rolled_back_in_one_step_by_an_engineer(store, made_line, signed_in, tmp_path):
    store.add(made_line.inspection(5))
    told = {"folder": str(tmp_path), "name": "mine", "version": "1.0.0", "sha256": "abc"}
    store.services.activate("demo-press", told, None, {})
    signed_in("operator", **{"*": "operator"})
    app = run(models_page, lang="en")
    app.button(key="roll-back").click().run()
    assert store.services.at("demo-press") is not None
    assert "may not do this" in app.error[0].value
    signed_in("mei", **{"*": "engineer"})
    run(models_page, lang="en").button(key="roll-back").click().run()
    assert store.services.at("demo-press") is None
    assert store.audit.entries(action="model rolled back")[0].who == "mei"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_devices_page_shows_clocks_and_says_what_is_not_recorded(store, made_line, lang):
    store.add(made_line.inspection(5))
    clock = {"drift_ppm": 12.5, "offset_ms": 3.25, "uncertainty_ms": 0.4, "epoch": 0}
    health = {"microphone": {"state": "stale", "reason": HURTFUL, "drops": 7, "age_ms": 12.0, "clock": clock}}
    store.beat("demo-press", time.time_ns(), health)
    app = run(stations_page, lang=lang)
    shown = html_of(app)
    assert HURTFUL not in shown
    for text in ("12.5 ppm", "3.25 ms", "7 / 0", *(("Microphone", "stale") if lang == "en" else ("麦克风", "数据过旧"))):
        assert text in shown
    assert len(app.get("plotly_chart")) == 4


def test_a_part_is_made_golden_once_it_is_known_what_it_is(store, made_line):
    inspection_id = store.add(made_line.inspection(5))
    app = run(part_page, id=inspection_id, lang="en")
    app.button(key="golden").click().run()
    assert "label it first" in app.error[0].value
    store.add_label(inspection_id, "ok", None, "Li Wei")
    run(part_page, id=inspection_id, lang="en").button(key="golden").click().run()
    assert store.services.golden("demo-press") == [inspection_id]
