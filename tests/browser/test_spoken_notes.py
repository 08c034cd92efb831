"""An operator speaks a note on the live page, in real Chromium with its made-up microphone, and it is heard on the part's page."""

import importlib.util
import sys
from pathlib import Path

import pytest

from inspector.home import Home
from inspector.store import Store, spoken

spec = importlib.util.spec_from_file_location("dashboard_in_chromium", Path(__file__).with_name("test_dashboard.py"))
dashboard = sys.modules["dashboard_in_chromium"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(dashboard)

home, server, line, pytestmark = dashboard.home, dashboard.server, dashboard.line, dashboard.pytestmark
MICROPHONE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@pytest.fixture
def page():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=dashboard.CHROMIUM, args=[*dashboard.FLAGS, *MICROPHONE])
        opened = browser.new_context(viewport={"width": 1920, "height": 1080}, locale="en-GB").new_page()
        opened.set_default_timeout(2 * dashboard.PATIENCE_MS)
        yield opened
        browser.close()


def test_a_note_is_spoken_kept_and_heard(page, server, line, home):
    made = dashboard.made_line()
    with Store.open(Home.at(home)) as store:
        store.add(made.inspection(5, fault=made.FAULTS[0]))
    line.start(interval_s=0.8)
    dashboard.sign_in(page, server)
    page.locator("[data-answer=note]").click()
    page.get_by_role("button", name="Speak a note").click()
    page.locator(".speaking[data-state=recording]").wait_for()
    page.wait_for_timeout(1500)
    dashboard.shot(page, "spoken-note-recording")
    page.get_by_role("button", name="Stop").click()
    page.locator(".speaking[data-state=recorded]").wait_for()
    dashboard.shot(page, "spoken-note-recorded")
    page.get_by_role("button", name="Save recording").click()
    page.locator(".toast[data-state=saved]").wait_for()
    with Store.open(Home.at(home)) as store:
        (note,) = [given for given in store.answers_since(made.STATION, 0) if given.answer.kind == "note"]
        inspection_id = note.part.inspection_id
        (kept,) = spoken.recordings(store.get(inspection_id).folder).values()
    assert (note.answer.who, note.answer.detail["recording"]["name"]) == ("admin", kept.name)
    assert kept.stat().st_size > 2000
    page.goto(f"{server.url}/part?id={inspection_id}")
    heard = page.locator("[data-testid=stAudio]").first
    heard.evaluate("async (audio) => { audio.muted = true; await audio.play(); }")
    page.wait_for_function("[...document.querySelectorAll('audio')].some((audio) => audio.currentTime > 0.2)")
    dashboard.shot(page, "spoken-note-heard")
