"""The dashboard as an operator meets it: real Chromium, a line that writes parts while the page is open."""

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inspector.access import hashed
from inspector.document import inspection_document
from inspector.home import Home
from inspector.replay import Comparison
from inspector.store import Store
from inspector.store.masks import pixels_of
from inspector.store.replays import ReplayWriter

MADE_LINE = Path(__file__).with_name("made_line.py")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-proxy-server", "--disable-dev-shm-usage"]
HURTFUL = "<img src=x onerror=hurt()>"
PATIENCE_MS = 40_000
STALE_S = 2.0

# Looks at each frame that the browser paints: the picture must be there, and be that of the part whose verdict is shown.
WATCH = """
() => {
  const seen = window.seen = { frames: 0, bad: 0, parts: new Set(), covered: [], uncovered: [] };
  const inside = (selector) => {
    for (const host of document.querySelectorAll('*')) { const found = host.shadowRoot?.querySelector(selector); if (found) return found; }
    return document.querySelector(selector);
  };
  const look = () => {
    const verdict = inside('.verdict');
    if (verdict?.dataset.inspection) {
      const layers = inside('.picture .layers');
      const photo = layers?.querySelector('.photo');
      const whole = photo && photo.complete && photo.naturalWidth > 0 && layers.dataset.inspection === verdict.dataset.inspection;
      seen.frames++;
      if (!whole) { seen.bad++; seen.why ??= JSON.stringify([verdict.dataset, layers?.dataset, photo?.src, inside('.cover').hidden]); }
      seen.parts.add(verdict.dataset.inspection);
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  new MutationObserver(() => (document.documentElement.dataset.covered ? seen.covered : seen.uncovered).push(Date.now()))
    .observe(document.documentElement, { attributeFilter: ['data-covered'] });
}
"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


class Line:
    """A made-up line in a process of its own."""

    def __init__(self, home):
        self.home, self.first, self.process = home, 1, None

    def start(self, interval_s=0.5, stations=()):
        command = [
            sys.executable,
            str(MADE_LINE),
            str(self.home),
            "--first",
            str(self.first),
            "--parts",
            "100000",
            "--interval",
            str(interval_s),
            *(word for station in stations for word in ("--station", station)),
        ]
        self.process = subprocess.Popen(command)
        self.first += 1000

    def kill(self):
        return killed(self.process)


class Server:
    """`inspector dashboard` in a process of its own."""

    def __init__(self, home):
        self.home, self.process, self.url, self.password = home, None, None, None

    def start(self):
        port = self.url.rsplit(":", 1)[1] if self.url else str(free_port())
        command = [str(Path(sys.executable).with_name("inspector")), "dashboard", "--home", str(self.home), "--port", port]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if found := re.search(r"password (\S+)", line):
                self.password = found.group(1)
            if found := re.search(r"http://\S+", line):
                self.url = found.group()
                return
        raise AssertionError("the dashboard ended before it said where it is")

    def kill(self):
        return killed(self.process)


def free_port():
    """Return a port that nobody uses; away from the usual one, which a dashboard beside this test may want."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


def killed(process):
    """End a process at once; return the wall time at which it was gone, in ms."""
    if process is not None and process.poll() is None:
        process.kill()
        process.wait()
    if process is not None and process.stdout:
        process.stdout.close()
    return time.time() * 1e3


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.delenv("INSPECTOR_DATABASE_URL", raising=False)
    return tmp_path


@pytest.fixture
def line(home):
    made = Line(home)
    yield made
    made.kill()


@pytest.fixture
def server(home):
    started = Server(home)
    started.start()
    yield started
    started.kill()


@pytest.fixture
def page():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = browser.new_context(viewport={"width": 1920, "height": 1080}, locale="en-GB").new_page()
        opened.set_default_timeout(PATIENCE_MS)
        opened.errors = []
        opened.on("pageerror", lambda error: opened.errors.append(str(error)))
        yield opened
        browser.close()


def made_line():
    spec = importlib.util.spec_from_file_location("made_line", MADE_LINE)
    module = sys.modules["made_line"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_hurtful_part(home):
    made = made_line()
    with Store.open(Home.at(home)) as store:
        return store.add(made.inspection(5, fault=made.FAULTS[0], part_id=HURTFUL))


def sign_in(page, server):
    page.goto(server.url)
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(server.password)
    page.get_by_role("button", name="Sign in").click()


def open_live(page, server):
    page.add_init_script("window.hurt = () => { window.isHurt = true; }")
    sign_in(page, server)
    page.locator(".verdict[data-inspection^='2']").wait_for()
    page.evaluate(WATCH)


def shot(page, name):
    """Keep a picture of the page where `$INSPECTOR_SCREENSHOTS` says."""
    folder = os.environ.get("INSPECTOR_SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_an_operator_sees_parts_and_answers(page, server, line, home):
    hurtful_id = write_hurtful_part(home)
    line.start()
    open_live(page, server)
    tile = page.locator(f".strip .tile[data-inspection='{hurtful_id}']")
    assert HURTFUL in tile.get_attribute("aria-label")
    page.wait_for_function("window.seen.parts.size >= 8")

    finding = page.locator(".finding[data-inspection^='2']")
    finding.locator(".finding-body").wait_for()
    assert finding.locator(".finding-picture img.heat").evaluate("image => image.complete && image.naturalWidth") == 640
    assert finding.locator(".finding-picture rect").count() == 2
    assert re.search(r"\d+ %", finding.locator(".cause").inner_text())
    assert "most likely" in finding.locator(".conclusion").inner_text()
    assert finding.locator(".action").inner_text().endswith(".")
    shot(page, "live")

    # A change of mind is not stored; the second answer is, with the setting that was chosen.
    finding.locator("[data-answer=not_helped]").click()
    page.locator(".toast button").click()
    finding.locator(".stepper").last.click()
    setting = float(finding.locator(".parameter input").input_value())
    finding.locator("[data-answer=applied]").click()
    finding.locator("[data-answer=helped]").click()
    answered = finding.get_attribute("data-inspection")
    page.locator(".toast[data-state=saved]").nth(1).wait_for()
    with Store.open(Home.at(home)) as store:
        given = store.feedback(answered)
        suggested = store.get(answered).document["suggestions"][0]["fix_id"]
    assert [(item.kind, item.fix_id, item.who) for item in given] == [(kind, suggested, "admin") for kind in ("applied", "helped")]
    assert given[0].detail["parameters"][0]["value"] == setting
    finding.locator(".parameter input").fill("9999")
    assert finding.locator("[data-answer=applied]").is_disabled()

    alarm_id = page.locator(".alarms").get_attribute("data-alarm")
    page.locator(".alarms .acknowledge").click()
    page.locator(f".alarms:not([data-alarm='{alarm_id}'])").wait_for(state="attached")
    with Store.open(Home.at(home)) as store:
        assert {alarm.acknowledged_by for alarm in store.open_alarms() if alarm.alarm_id == alarm_id} == {"admin"}

    # All at one moment: a tile leaves the strip with each part that comes.
    boxes = page.locator(".answers button:visible, .stepper, .strip .tile, .heat-toggle").evaluate_all(
        "found => found.slice(0, 14).map((one) => { const box = one.getBoundingClientRect(); return [box.width, box.height]; })"
    )
    assert min(min(box) for box in boxes) >= 15 / 25.4 * 96 - 0.5  # 15 mm
    size_px = page.locator(".verdict .word").evaluate("word => parseFloat(getComputedStyle(word).fontSize)")
    assert size_px >= 96

    page.locator(".heat-toggle").click()
    assert not finding.locator(".finding-picture img.heat").is_visible()

    page.get_by_text("中文").click()
    page.locator(".finding h2", has_text="最近发现").wait_for()
    assert page.locator(".verdict .word").inner_text() in ("合格", "不合格", "复检")

    seen = page.evaluate("({ frames: seen.frames, bad: seen.bad })")
    assert seen["frames"] > 20
    assert seen["bad"] == 0
    page.locator(".strip .tile[data-outcome=fail]").last.click()
    page.locator(".verdict-line.fail").wait_for()
    assert "id=" in page.url

    page.goto(f"{server.url}/history")
    page.get_by_label("Part number contains").fill("onerror")
    page.get_by_label("Part number contains").press("Enter")
    page.get_by_role("link", name=HURTFUL).click()
    page.locator(".verdict-line.fail", has_text=HURTFUL).wait_for()
    assert page.evaluate("window.isHurt") is None
    shot(page, "part")
    assert page.errors == []


def test_alarms_are_shelved_and_a_wall_leads_to_its_stations(page, server, line, home):
    write_hurtful_part(home)
    line.start()
    sign_in(page, server)
    page.locator(".live").wait_for()
    page.goto(f"{server.url}/alarms")
    alarm = page.locator(".board .alarm").first
    alarm.locator("[data-tap=shelve]").click()
    page.locator(".sheet .choices").last.locator("button").nth(1).click()
    page.locator(".board .alarm[data-state=shelved]", has_text="Waiting for a spare part").wait_for()
    shot(page, "alarms")
    with Store.open(Home.at(home)) as store:
        assert "admin" in {alarm.shelved_by for alarm in store.open_alarms()}

    page.get_by_role("link", name="Wall").click()
    place = page.locator(".place", has_text="demo-press")
    place.locator(".place-verdict[data-inspection^='2']").wait_for()
    assert not place.locator(".place-cover").is_visible()
    shot(page, "wall")
    line.kill()
    place.locator(".place-cover").wait_for()
    place.click()
    page.locator(".live .cover").wait_for()
    assert page.errors == []


def test_a_screen_covers_itself_when_it_cannot_know(page, server, line):
    line.start(0.4)
    open_live(page, server)
    cover = page.locator(".cover")
    cover.wait_for(state="hidden")  # a loaded machine may hold up the line itself

    dead_ms = server.kill()
    cover.wait_for()
    assert (page.evaluate("seen.covered.at(-1)") - dead_ms) / 1e3 <= STALE_S
    assert re.search(r"No data since \d\d:\d\d:\d\d", cover.inner_text())
    shot(page, "live-server-dead")
    server.start()
    cover.wait_for(state="hidden")

    dead_ms = line.kill()
    cover.wait_for()
    assert (page.evaluate("seen.covered.at(-1)") - dead_ms) / 1e3 <= STALE_S
    assert "line does not report" in cover.inner_text()
    line.start(0.4)
    cover.wait_for(state="hidden")
    assert page.evaluate("seen.bad") == 0, page.evaluate("seen.why")
    assert page.errors == []

    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(timeout=10) in (0, 130)  # with a screen still listening


def test_a_screen_at_the_line_is_acted_on_by_badge(page, server, line, home):
    with Store.open(Home.at(home)) as store:
        store.people.add("mei", {"demo-press": "operator"}, hashed("correct horse battery"))
        store.people.set_badge("mei", "4711", hashed("2580"))
        part_id = "<script>hurt()</script>"
        store.add(made_line().inspection(5, fault=made_line().FAULTS[0], part_id=part_id))
    page.add_init_script("window.hurt = () => { window.isHurt = true; }")
    page.goto(f"{server.url}/part?lang=en")
    shot(page, "login")
    page.get_by_label("Name").fill(part_id)
    page.get_by_label("Password").fill("guess")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(server.password)
    page.get_by_label("screen at the line").check()
    page.get_by_role("button", name="Sign in").click()

    page.locator(".verdict-line.fail", has_text=part_id).wait_for()
    assert page.get_by_role("button", name="Verdict was wrong").is_disabled()
    page.get_by_role("button", name="Badge").click()
    page.get_by_label("Badge").fill("4711")
    page.get_by_label("PIN").fill("2580")
    shot(page, "badge")
    page.get_by_role("button", name="Begin").click()
    page.locator(".person", has_text="mei").wait_for()
    page.locator(".verdict-line.fail", has_text=part_id).wait_for()
    page.get_by_role("button", name="Verdict was wrong").click()
    page.get_by_text("Stored").wait_for()
    shot(page, "acting")
    page.locator(".person").get_by_role("button", name="Lock").click()
    page.locator(".person", has_text="shows only").wait_for()
    with Store.open(Home.at(home)) as store:
        (entry,) = store.audit.entries(action="overruled")
        assert (entry.who, entry.detail["part_id"]) == ("mei", part_id)
    assert page.evaluate("window.isHurt") is None


def keep_replay(home):
    """Keep a replay of three parts, of which the second way passes one that failed."""
    made = made_line()
    comparison, writer, documents = Comparison(), ReplayWriter(Home.at(home).replays, "shift-3"), []
    for number in range(3):
        fault = made.FAULTS[0] if number else None
        before, after = made.inspection(number, fault=fault), made.inspection(number, fault=fault if number < 2 else None)
        comparison.add(number, before, after, "scratch" if fault else "ok")
        documents.append(inspection_document(before))
        writer.add(number, before)
        writer.add_after(number, after, inspection_document(after))
    sides = {"before": {"model": "models/a/1.0.0"}, "after": {"model": "models/b/1.0.0"}}
    writer.finish({"recording": "r.mcap", "parts": documents, "compare": {**sides, **comparison.document()}})


def test_an_engineer_scrubs_a_replay_and_takes_a_report_away(page, server, home):
    keep_replay(home)
    made = made_line()
    with Store.open(Home.at(home)) as store:
        store.add(made.inspection(5, fault=made.FAULTS[0]))

    sign_in(page, server)
    page.locator(".live").wait_for()
    page.goto(f"{server.url}/replay?lang=en")
    page.get_by_text("Other verdict (1)").click()
    page.get_by_text("P-000002").first.wait_for()
    page.locator(".verdict-line").nth(1).wait_for()
    page.locator(".picture-view img.photo").nth(1).wait_for()
    timeline = page.locator(".timeline")
    timeline.locator(".row canvas").nth(9).wait_for()
    assert timeline.locator(".row canvas").count() == 3 + 6 + 1
    timeline.focus()
    page.keyboard.press("ArrowRight")
    assert timeline.locator(".at").inner_text() == "+0.020 s"
    box = timeline.locator(".row canvas").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 10)
    assert timeline.locator(".at").inner_text() == "−0.400 s"
    assert re.fullmatch(r"−?\d+(\.\d+)? m/s²", timeline.locator(".row .value").nth(2).inner_text())
    timeline.locator(".play").click()
    page.wait_for_timeout(1500)
    assert timeline.locator(".at").inner_text() != "−0.400 s"
    shot(page, "replay")

    page.goto(f"{server.url}/part?lang=zh")
    with page.expect_download(timeout=4 * PATIENCE_MS) as download:  # the first report loads what draws it
        page.get_by_role("button", name="报告 PDF").click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")
    assert page.errors == []


def test_a_defect_is_drawn_by_mouse_and_finger_and_kept(page, server, home):
    made = made_line()
    with Store.open(Home.at(home)) as store:
        found = store.add(made.inspection(5, fault=made.FAULTS[0], outcome="review"))
        store.add_label(found, "scratch", None, "Li Wei")
        store.add_label(found, "burr", None, "A. Meyer")
    sign_in(page, server)
    page.goto(f"{server.url}/review?lang=en")
    board = page.locator(".drawing .over")
    page.get_by_role("button", name="Box", exact=True).click()
    for _ in range(100):  # the picture gives the board its size
        page.wait_for_timeout(100)
        if board.evaluate("canvas => canvas.width > 300 && canvas.clientHeight > 200"):
            break
    page.wait_for_timeout(500)
    box = board.bounding_box()

    def at(x_share, y_share):
        return box["x"] + box["width"] * x_share, box["y"] + box["height"] * y_share

    page.mouse.move(*at(0.25, 0.25))
    page.mouse.down()
    page.mouse.move(*at(0.5, 0.5), steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Brush", exact=True).click()
    x, y = at(0.75, 0.75)
    finger = {"pointerId": 7, "pointerType": "touch", "button": 0, "buttons": 1, "clientX": x, "clientY": y, "bubbles": True}
    page.evaluate("Element.prototype.setPointerCapture = () => {}")  # made-up pointers cannot be captured
    board.dispatch_event("pointerdown", finger)
    board.dispatch_event("pointermove", finger | {"clientX": x + 60})
    board.dispatch_event("pointerup", finger)
    page.get_by_role("button", name="Eraser", exact=True).click()
    page.mouse.click(*at(0.3, 0.3))
    page.get_by_role("button", name="Undo", exact=True).click()
    shot(page, "review-drawing")
    page.get_by_role("toolbar").get_by_role("button", name="Keep", exact=True).click()
    page.get_by_text("Kept, signed with your name").wait_for()
    with Store.open(Home.at(home)) as store:
        drawn = pixels_of(store.masks(found)["camera"].mask)
        assert store.masks(found)["camera"].who == "admin"
    height, width = drawn.shape
    assert drawn[height // 4 + 4 : height // 2 - 4, width // 4 + 4 : width // 2 - 4].all()  # what was erased came back
    assert drawn[int(height * 0.75), int(width * 0.75)]
    assert not drawn[: height // 5].any()
    page.goto(f"{server.url}/review?lang=zh")
    page.get_by_text("由 admin 标注").wait_for()
    shot(page, "review-drawing-zh")
    for lang in ("en", "zh"):
        page.goto(f"{server.url}/stations?lang={lang}")
        page.locator(".js-plotly-plot").first.wait_for()
        shot(page, f"stations-{lang}")
        page.goto(f"{server.url}/models?lang={lang}")
        page.locator(".st-key-panel-candidate").get_by_text("No other model" if lang == "en" else "没有其他模型").wait_for()
        shot(page, f"models-{lang}")
    assert page.errors == []
