"""The live page under load, in real Chromium: is every frame whole, how late is it, and what does it cost?

A made-up line writes parts at a steady rate into a store of its own; `inspector dashboard` serves it; Chromium looks at it. Counted are the
frames whose picture is missing or is not that of the part whose verdict is shown; the time from a part's being stored to its being on the
screen; the server's share of one core and its memory; the browser's heap at the beginning and end. Then the server is killed and started
again.

    python -m tests.bench.live_page [--minutes 3] [--parts-per-s 5] [--users 1] [--stations 1] [--kills 3] [--json FILE]

With several stations each makes `--parts-per-s`; with several users each looks at a station in a browser of their own, the first is the one
whose frames are counted. The line runs on the same machine and takes its own share of a core, which is told apart. Where it could not keep
its rate (see `parts_shown_per_s`), or the load average is far above the number of cores, times say more of the machine than of the page.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from inspector.home import Home
from inspector.store import Store
from tests.browser.test_dashboard import CHROMIUM, FLAGS, WATCH, Line, Server, sign_in

GOALS = {"bad_frames": 0, "event_to_screen_p95_ms": 150, "server_cpu_share": 0.15, "covered_s": 2.0, "live_again_s": 5.0}

# Notes at which wall time each part first stood on the screen whole: the frame after the one in which it was put there.
TIMES = """
() => {
  seen.shown = {};
  const inside = (selector) => {
    for (const host of document.querySelectorAll('*')) { const found = host.shadowRoot?.querySelector(selector); if (found) return found; }
    return document.querySelector(selector);
  };
  const verdict = inside('.verdict');
  new MutationObserver(() => {
    const id = verdict.dataset.inspection;
    requestAnimationFrame(() => { seen.shown[id] ??= Date.now(); });
  }).observe(verdict, { attributeFilter: ['data-inspection'] });
}
"""


def cpu_s(pid: int) -> float:
    """Return the processor time that a process and all its threads have used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """Return what a process holds in memory (RSS)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def heap_mb(page: Page) -> float:
    """Return the live heap of the page, after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return float(used) / 1e6


def stored_ms(home: Path) -> dict[str, float]:
    """Return inspection -> wall time at which it was given its id, just before it was written."""
    with Store.open(Home.at(home)) as store:
        ids = [part.inspection_id for part in store.recent(limit=100_000)]
    epoch = "%Y%m%dT%H%M%S"
    return {one: (time.mktime(time.strptime(one[:15], epoch)) - time.timezone) * 1e3 + int(one[15:24]) / 1e6 for one in ids}


def watched(page: Page, server: Server, line: Line, home: Path, minutes: float) -> dict[str, Any]:
    """Return what was seen over some minutes of looking by whoever is signed in."""
    page.locator(".verdict[data-inspection^='2']").wait_for()
    page.evaluate(WATCH)
    page.evaluate(TIMES)
    time.sleep(10)  # what is loaded once is loaded
    assert server.process is not None
    assert line.process is not None
    began, heap_before, load_before = time.monotonic(), heap_mb(page), os.getloadavg()[0]
    server_before, line_before = cpu_s(server.process.pid), cpu_s(line.process.pid)
    heaps, memories = [], [memory_mb(server.process.pid)]
    while time.monotonic() - began < minutes * 60:
        time.sleep(min(30.0, minutes * 60))
        heaps.append(heap_mb(page))
        memories.append(memory_mb(server.process.pid))
    lasted = time.monotonic() - began
    server_share = (cpu_s(server.process.pid) - server_before) / lasted
    line_share = (cpu_s(line.process.pid) - line_before) / lasted
    seen = page.evaluate("({ frames: seen.frames, bad: seen.bad, why: seen.why ?? null, shown: seen.shown, covered: seen.covered.length })")
    stored = stored_ms(home)
    late = np.array([shown - stored[one] for one, shown in seen["shown"].items() if one in stored])
    return {
        "minutes": lasted / 60,
        "parts_shown": len(seen["shown"]),
        "parts_shown_per_s": len(seen["shown"]) / lasted,
        "frames": seen["frames"],
        "bad_frames": seen["bad"],
        "why_bad": seen["why"],
        "covered": seen["covered"],
        "event_to_screen_ms": {f"p{q}": float(np.percentile(late, q)) for q in (50, 95, 99)},
        "server_cpu_share": server_share,
        "line_cpu_share": line_share,
        "heap_mb": {"before": heap_before, "each_30_s": heaps},
        "server_memory_mb": memories,
        "load_average": [load_before, os.getloadavg()[0]],
    }


def users(browser: Browser, server: Server, stations: list[str], number: int) -> list[Page]:
    """Return the pages of people who look at the stations in turn, each signed in in a browser of their own."""
    pages = []
    for user in range(number):
        page = browser.new_context(viewport={"width": 1920, "height": 1080}, locale="en-GB").new_page()
        page.set_default_timeout(120_000)
        sign_in(page, server)
        page.locator(".verdict[data-inspection^='2']").wait_for()
        page.goto(f"{server.url}/?station={stations[user % len(stations)]}")
        pages.append(page)
    return pages


def killed(page: Page, server: Server) -> dict[str, float]:
    """Return after how long the page covers itself when the server dies, and is live when it is back."""
    cover = page.locator(".cover")
    cover.wait_for(state="hidden", timeout=60_000)
    dead_ms = server.kill()
    cover.wait_for(timeout=30_000)
    covered_s = (page.evaluate("seen.covered.at(-1)") - dead_ms) / 1e3
    server.start()  # returns when it says that it answers
    back_ms = time.time() * 1e3
    cover.wait_for(state="hidden", timeout=60_000)
    live_again_s = (time.time() * 1e3 - back_ms) / 1e3
    time.sleep(2)
    return {"covered_s": covered_s, "live_again_s": live_again_s}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--parts-per-s", type=float, default=5.0)
    parser.add_argument("--users", type=int, default=1)
    parser.add_argument("--stations", type=int, default=1)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        home = Path(folder)
        line, server = Line(home), Server(home)
        stations = [f"press-{number}" for number in range(1, arguments.stations + 1)]
        line.start(1 / arguments.parts_per_s, stations)
        server.start()
        try:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = users(browser, server, stations, arguments.users)[0]
            figures = watched(page, server, line, home, arguments.minutes)
            figures["kills"] = [killed(page, server) for _ in range(arguments.kills)]
            browser.close()
        finally:
            line.kill()
            server.kill()
    figures |= {"users": arguments.users, "stations": arguments.stations, "goals": GOALS}
    text = json.dumps(figures, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
