"""Every page as everybody can use it: in both languages, by keyboard, narrow and zoomed in, by touch and from afar.

The pages are those that the masthead leads to, so a page that is added is looked at without a line here. With `$INSPECTOR_SCREENSHOTS`
the pictures of the guide and the READMEs are made: `INSPECTOR_SCREENSHOTS=dashboards/screenshots pytest -m browser tests/browser`.
"""

import getpass
import io
import math
import os
import re
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from inspector.access import hashed
from inspector.home import Home
from inspector.store import Store
from tests.browser.test_dashboard import CHROMIUM, FLAGS, Server, keep_replay, made_line, sign_in

PATIENCE_MS = 60_000
SPAN_PARTS = 260
PARTS_WITH_FILES = 18
MM = 96 / 25.4

# What a page must show before it is looked at; pages that are not named here have drawn when Streamlit says so.
DRAWN = {
    "live": ".finding .answers button",
    "wall": ".place-verdict[data-inspection^='2']",
    "part": ".js-plotly-plot .main-svg",
    "alarms": ".board .alarm",
    "spc": ".js-plotly-plot .main-svg",
    "handover": ".handover",
    "history": ".parts-table",
    "causes": ".parts-table",
    "replay": ".timeline .row canvas",
    "review": ".verdict-line",
    "models": ".st-key-panel-candidate p",
    "stations": ".st-key-panel-ledger p.quiet",
    "access": ".st-key-panel-add-person input",
    "guide": ".st-key-panel-guide h1",
}
FOR_OPERATORS = ("live", "wall", "alarms", "spc", "handover", "login", "badge")

# Latin words that belong on a Chinese page: names that a plant, a person or a file gave, units, and what is not translated in any trade.
NAMES = {getpass.getuser(), "admin", "mei", "demo-press", "shift-3", "English", "Line", "Inspector"}
UNITS = {"Hz", "kHz", "dB", "FS", "mm", "ms", "px", "bar", "kN", "MPa", "m/s"}
TERMS = {"RMS", "PDF", "HTML", "JSON", "EWMA", "PIN", "IT", "PASS", "FAIL", "REVIEW", "BPFO", "BPFI", "BSF", "FTF", "CSV", "XLSX", "re"}
PATTERNS = r"[\d.,]+ [A-Za-z]\S*|P-\d+|case-\d+|\S+/\d+\.\d+\.\d+|[0-9a-f]{12}|\b\w+\.(mcap|py|yaml)\b|`[^`]*`"
ALSO_IN_ENGLISH = re.compile("中文|不合格|合格|复检")  # the way to the other language, and verdicts, which a screen says in both
STREAMLIT_SAYS = {
    "Skip to main content": "Streamlit's link for the keyboard, seen only while it has the focus",
    "Choose an option": "placeholder of Streamlit's selection lists; in ours something is always chosen, so nobody sees it",
    "Show password": "name of the eye in Streamlit's password fields, which takes no words from us",
    "visibility": "the sign on it, drawn by its font",
    "Open": "name of the arrow in Streamlit's selection lists",
    "open": "title of the arrow in Streamlit's selection lists (baseweb), which takes no words from us",
    "keyboard_arrow_right": "name of an icon of Streamlit's expander, drawn as a sign by its font",
    "keyboard_arrow_down": "the same, opened",
    "star": "name of the icon on the button that makes a part golden, drawn as a sign by its font",
    "chevron_left": "name of an icon on our buttons, drawn as a sign by Streamlit's font",
    "chevron_right": "the same",
}
# Findings of axe that are left: (rule, part of what it is about) -> why it cannot be mended here.
KNOWN_TO_AXE: dict[tuple[str, str], str] = {}

WORDS = """() => {
  const said = [];
  const look = (root) => {
    for (const node of root.querySelectorAll('*')) {
      if (['SCRIPT', 'STYLE', 'NOSCRIPT'].includes(node.tagName) || node.closest('[data-testid=stJson]')) continue;
      if (node.shadowRoot) look(node.shadowRoot);
      if (!node.checkVisibility?.({ visibilityProperty: true })) continue;
      for (const child of node.childNodes) if (child.nodeType === 3 && child.textContent.trim()) said.push(child.textContent.trim());
      for (const name of ['aria-label', 'title', 'placeholder', 'alt']) if (node.getAttribute(name)) said.push(node.getAttribute(name));
    }
  };
  look(document);
  return [...new Set(said)];
}"""

# What sticks out to the right and cannot be scrolled to within a box of its own.
STICKS_OUT = """() => {
  const found = [];
  const width = document.documentElement.clientWidth;
  const scrolls = (node) => {
    for (let one = node; one; one = one.parentElement ?? one.getRootNode().host) {
      if (['auto', 'scroll'].includes(getComputedStyle(one).overflowX) && one.getBoundingClientRect().right <= width + 1) {
        if (!one.matches('[data-testid=stMain], html, body')) return true;
      }
    }
    return false;
  };
  const look = (root) => {
    for (const node of root.querySelectorAll('*')) {
      if (node.shadowRoot) look(node.shadowRoot);
      if (!node.checkVisibility?.() || node.closest('svg svg, .js-plotly-plot')) continue;
      const hasText = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
      if (!hasText && !node.matches('button, input, img, canvas')) continue;
      const box = node.getBoundingClientRect();
      if (box.width > 1 && box.height > 1 && (box.right > width + 1 || (box.left < -1 && box.right > 0)) && !scrolls(node))
        found.push(`${node.tagName}.${node.className} “${node.textContent.trim().slice(0, 40)}” to ${Math.round(box.right)}`);
    }
  };
  look(document);
  const main = document.querySelector('[data-testid=stMain]') ?? document.documentElement;
  if (main.scrollWidth > main.clientWidth) found.push(`the page scrolls: ${main.scrollWidth} > ${main.clientWidth}`);
  return found;
}"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


class Heartbeat(threading.Thread):
    """A line that lives and makes no part: pages stand still while they are looked at."""

    def __init__(self, home):
        super().__init__(daemon=True)
        self.home, self.ended = home, threading.Event()

    def run(self):
        made = made_line()
        with Store.open(Home.at(self.home)) as store:
            while not self.ended.wait(0.4):
                made.beat(store)

    def stop(self):
        self.ended.set()
        self.join()


def fill(home):
    """Write what the pages show: two hours of parts (the last of them with pictures and signals), alarms, a note, a replay, a person."""
    made, now_ns = made_line(), time.time_ns()
    first = made.inspection(1)
    bare = replace(first.record, frames={}, waveforms={}, series={})
    with Store.open(Home.at(home)) as store:
        store.people.add("mei", {"demo-press": "operator"}, hashed("correct horse battery"))
        store.people.set_badge("mei", "4711", hashed("2580"))
        for number in range(SPAN_PARTS):
            at_ns = now_ns - (SPAN_PARTS - number) * 25 * 10**9
            if number < SPAN_PARTS - PARTS_WITH_FILES:
                trigger = replace(bare.trigger, part_id=f"P-{number:06d}", t_ns=number)
                verdict = replace(first.verdict, score=0.03 + 0.02 * math.sin(number * 12.9898) ** 2)
                store.add(replace(first, record=replace(bare, trigger=trigger, wall_utc_ns=at_ns), verdict=verdict))
            else:
                fault = made.FAULTS[number % 3] if number % 4 == 0 else None
                outcome = "review" if number % 11 == 10 else None
                missing = ("microphone",) if outcome else ()
                last_id = store.add(made.inspection(number, fault=fault, outcome=outcome, missing=missing, wall_utc_ns=at_ns))
                if fault is made.FAULTS[0]:
                    failed_id = last_id
        last_id = store.add(made.inspection(SPAN_PARTS, fault=made.FAULTS[0], wall_utc_ns=now_ns))
        settings = {"parameters": [{"name": "belt_tension", "value": 0.5, "unit": "MPa"}]}
        store.add_feedback(last_id, "applied", "tension-belt", "mei", detail=settings)
        store.add_feedback(failed_id, "maintenance", who="mei")
    keep_replay(home)


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    home = tmp_path_factory.mktemp("plant")
    os.environ.pop("INSPECTOR_DATABASE_URL", None)
    server, line = Server(home), Heartbeat(home)
    server.start()  # makes the admin, where nobody is there yet
    fill(home)
    line.start()
    server.line = line
    yield server
    server.kill()
    line.stop()


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def signed_in(browser, plant):
    """Return the cookies of somebody who may see every page."""
    page = browser.new_context(locale="en-GB").new_page()
    page.set_default_timeout(PATIENCE_MS)
    sign_in(page, plant)
    page.locator(".live").wait_for()
    page.goto(f"{plant.url}/alarms?lang=en")  # one of each state
    page.locator(".board .alarm [data-tap=acknowledge]").nth(1).click()
    page.locator(".board .alarm[data-state=acknowledged]").wait_for()
    page.locator(".board .alarm[data-state=unacknowledged] [data-tap=shelve]").nth(1).click()
    page.get_by_role("button", name="Waiting for a spare part").click()
    page.locator(".board .alarm[data-state=shelved]").wait_for()
    return page.context.storage_state()


@pytest.fixture
def page(browser, plant, signed_in):
    context = browser.new_context(viewport={"width": 1920, "height": 1080}, locale="en-GB", storage_state=signed_in)
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    yield opened
    context.close()


def open_page(page, plant, name, lang):
    page.goto(f"{plant.url}/{'' if name == 'live' else name}?lang={lang}")
    page.locator(DRAWN.get(name, "[data-testid=stMainBlockContainer]")).first.wait_for()
    drawn(page)


def drawn(page):
    """Wait until Streamlit has nothing more to draw."""
    page.wait_for_function(
        "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState !== 'running'"
        " && !document.querySelector('[data-testid=stSkeleton]')"
    )
    page.wait_for_timeout(250)


def pages_of(page, plant):
    """Return the name of each page that the masthead leads to."""
    open_page(page, plant, "live", "en")
    links = page.locator(".st-key-masthead [data-testid=stPageLink] a").evaluate_all("links => links.map((link) => link.pathname)")
    names = [address.strip("/") or "live" for address in links]
    assert set(DRAWN) <= set(names)
    return names


def shot(page, name, lang):
    """Keep a small picture of the page for the docs, where that is asked for."""
    folder = os.environ.get("INSPECTOR_SCREENSHOTS")
    if folder is None or (lang == "zh" and name not in (*FOR_OPERATORS, "stale")):
        return
    from PIL import Image

    Path(folder).mkdir(parents=True, exist_ok=True)
    page.locator("img").evaluate_all("images => Promise.all(images.map((image) => image.decode().catch(() => 0)))")
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.resize((1280, round(1280 * picture.height / picture.width)), Image.Resampling.LANCZOS).save(
            Path(folder) / f"{name}-{lang}.webp", quality=72, method=6
        )


def untranslated(said):
    """Return what stands on a Chinese page in another language."""
    left = []
    for text in said:
        rest = re.sub(PATTERNS, "", text)
        words = set(re.findall(r"[A-Za-z][A-Za-z_/-]+", rest))
        if text not in STREAMLIT_SAYS and words - NAMES - UNITS - TERMS:
            left.append(text)
    return left


def test_every_page_speaks_chinese_and_nothing_else(page, plant):
    found = {}
    for name in pages_of(page, plant):
        open_page(page, plant, name, "zh")
        shot(page, name, "zh")
        found[name] = untranslated(page.evaluate(WORDS))
    assert not any(found.values()), listed(found)


def test_every_page_in_english_is_accessible_and_fits_every_screen(page, plant):
    axe = Path(pytest.importorskip("axe_playwright_python").__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    left, chinese, sticks_out = {}, {}, {}
    for name in pages_of(page, plant):
        open_page(page, plant, name, "en")
        shot(page, name, "en")
        chinese[name] = [text for text in page.evaluate(WORDS) if re.search("[\u4e00-\u9fff]", ALSO_IN_ENGLISH.sub("", text))]
        page.evaluate(axe)
        left[name] = serious(page.evaluate("axe.run({ resultTypes: ['violations'] })"))
        for width, height, what in ((1024, 768, "tablet"), (960, 540, "200 %"), (390, 844, "phone")):
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(150)
            sticks_out[f"{name}, {what}"] = page.evaluate(STICKS_OUT)
            if name == "live" and what == "phone":
                shot(page, "phone", "en")
        page.set_viewport_size({"width": 1920, "height": 1080})
    assert not any((*left.values(), *chinese.values(), *sticks_out.values())), listed(left) + listed(chinese) + listed(sticks_out)


def listed(found):
    return "\n".join(f"{page}: {one}" for page, ones in found.items() for one in ones)


def serious(report):
    return [
        f"{rule['id']}: {node['html'][:120]} ({node['failureSummary']})"
        for rule in report["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
        if not any(rule["id"] == known and part in node["html"] for known, part in KNOWN_TO_AXE)
    ]


def test_the_way_in_is_accessible_and_in_both_languages(browser, plant):
    axe = Path(pytest.importorskip("axe_playwright_python").__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="zh-CN")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    for lang in ("en", "zh"):
        page.goto(f"{plant.url}/login?lang={lang}")
        check_form(page, axe, lang)
        shot(page, "login", lang)
    page.get_by_label("用户名").fill("admin")
    page.get_by_label("密码").fill(plant.password)
    page.locator("input[name=screen]").check()
    page.get_by_role("button", name="登录").click()
    page.locator(".live").wait_for()
    for name in ("badge", "password"):
        for lang in ("en", "zh"):
            page.goto(f"{plant.url}/{name}?lang={lang}")
            check_form(page, axe, lang)
            shot(page, name, lang)
    context.close()


def check_form(page, axe, lang):
    if lang == "zh":
        assert untranslated(page.evaluate(WORDS)) == []
    page.evaluate(axe)
    assert serious(page.evaluate("axe.run({ resultTypes: ['violations'] })")) == []
    for width, height in ((390, 844), (640, 360)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(STICKS_OUT) == []
    page.set_viewport_size({"width": 1280, "height": 720})


# Notes where the focus goes, and whether it can be seen there.
FOLLOW = """() => {
  window.went = [];
  const follow = (root) => {
    root.addEventListener('focusin', note, true);
    for (const node of root.querySelectorAll('*')) if (node.shadowRoot) follow(node.shadowRoot);
  };
  const note = (event) => {
    const node = event.composedPath()[0];
    if (node.shadowRoot || event.currentTarget !== node.getRootNode()) return;
    const style = getComputedStyle(node);
    went.push({
      what: node.dataset.answer ?? node.className?.split?.(' ')[0] ?? '',
      text: (node.getAttribute('aria-label') ?? node.innerText ?? '').trim(),
      seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    });
  };
  follow(document);
}"""


def test_the_live_page_is_worked_by_keyboard_alone(page, plant):
    open_page(page, plant, "live", "en")
    page.evaluate(FOLLOW)
    wanted = page.locator(".live :is(button, input):visible").evaluate_all(
        "found => found.map((one) => one.dataset.answer ?? one.className.split(' ')[0])"
    )
    links = page.locator(".st-key-masthead [data-testid=stPageLink] a").all_inner_texts()
    for _ in range(len(wanted) + len(links) + 12):
        page.keyboard.press("Tab")
    went = page.evaluate("went")
    assert {*wanted} <= {one["what"] for one in went}
    assert len([one for one in went if one["what"] == "tile"]) >= wanted.count("tile")
    assert {*links, "Sign out"} <= {one["text"] for one in went}
    assert [one for one in went if not one["seen"]] == []

    # A note is opened, left by Escape, and the focus is where it was.
    note = page.locator("[data-answer=note]")
    note.focus()
    page.keyboard.press("Enter")
    page.locator(".sheet textarea").wait_for()
    page.keyboard.type("belt looks worn")
    page.keyboard.press("Escape")
    page.locator(".sheet").wait_for(state="hidden")
    assert page.evaluate("went.at(-1).what") == "note"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.locator(".toast").get_by_role("button", name="Undo").wait_for()


def test_the_live_page_is_read_from_afar_and_touched_with_gloves(page, plant):
    open_page(page, plant, "live", "en")
    # 16 arc minutes are needed to read with ease (ISO 9241-303); 4 m from a screen of 24 inches, 531 mm wide.
    cap_height_px = page.locator(".verdict .word").evaluate(
        """word => { const pen = document.createElement('canvas').getContext('2d'); pen.font = getComputedStyle(word).font;
                     return pen.measureText('H').actualBoundingBoxAscent; }"""
    )
    assert math.degrees(cap_height_px * 531 / 1920 / 4000) * 60 >= 16
    boxes = page.locator(".live :is(button, input[type=number]):visible, .st-key-masthead :is(a, button):visible").evaluate_all(
        "found => found.map((one) => { const box = one.getBoundingClientRect(); return [box.width, box.height, one.className]; })"
    )
    assert len(boxes) > 30
    assert [box for box in boxes if min(box[:2]) < 15 * MM - 0.5] == []


def test_a_covered_screen_is_the_last_picture(page, plant):
    """Comes last: the line ends here."""
    plant.line.stop()
    for lang in ("en", "zh"):
        open_page(page, plant, "live", lang)
        page.locator(".live .cover").wait_for()
        assert not (lang == "zh" and untranslated(page.locator(".live .cover").all_inner_texts()))
        shot(page, "stale", lang)
