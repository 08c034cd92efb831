"""Does anything grow? The dashboard's server and a browser that looks at it, over many parts, and what that says of eight hours.

    python -m tests.bench.page_soak [--minutes 10] [--parts-per-s 20] [--json FILE] [--plot FILE.svg]

An eight-hour shift at 5 parts/s is 144,000 parts. Here they come as fast as the machine makes them (`parts_per_s` says how fast that was),
so that minutes stand for hours of *parts*: what grows with a part (rows, caches, nodes, listeners) is seen; what grows with time alone
(a timer, a session that ends after twelve hours) is not. Everything is sampled through the span. The slope is that of a Theil-Sen line
through the second half, as caches fill in the first; times 144,000 parts it says what eight hours would add. Before some thousand parts a
server is only warming up: then that figure says nothing, and `stands_for_h` shows it.
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
from playwright.sync_api import CDPSession, Page, sync_playwright
from scipy.stats import theilslopes

from inspector.home import Home
from inspector.store import Store
from tests.bench.live_page import memory_mb, users
from tests.browser.test_dashboard import CHROMIUM, FLAGS, Line, Server

SHIFT_PARTS = 8 * 3600 * 5
STATION = "press-1"
_SAMPLES = 40
_GROWING = ("server_mb", "browser_heap_mb", "nodes", "listeners")


def sample(server: Server, session: CDPSession, store: Store, began_s: float) -> dict[str, float]:
    """Return everything that could grow, as it is now."""
    assert server.process is not None
    session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")["usedSize"]
    counters = session.send("Memory.getDOMCounters")
    return {
        "seconds": time.monotonic() - began_s,
        "parts": sum(store.counts(STATION).values()),
        "server_mb": memory_mb(server.process.pid),
        "browser_heap_mb": heap / 1e6,
        "nodes": counters["nodes"],
        "listeners": counters["jsEventListeners"],
    }


def soaked(page: Page, server: Server, home: Path, minutes: float) -> list[dict[str, float]]:
    """Return samples spread over some minutes."""
    page.locator(".verdict[data-inspection^='2']").wait_for()
    session = page.context.new_cdp_session(page)
    began_s, samples = time.monotonic(), []
    with Store.open(Home.at(home)) as store:
        while time.monotonic() - began_s < minutes * 60:
            samples.append(sample(server, session, store, began_s))
            time.sleep(minutes * 60 / _SAMPLES)
        return [*samples, sample(server, session, store, began_s)]


def verdict(samples: list[dict[str, float]]) -> dict[str, Any]:
    """Return how each thing grew in the second half, and what a shift would add."""
    late = samples[len(samples) // 2 :]
    parts = np.array([one["parts"] for one in late])
    grown = {}
    for name in _GROWING:
        slope, _, low, high = theilslopes([one[name] for one in late], parts, 0.95)
        grown[name] = {"start": samples[0][name], "end": samples[-1][name], "shift_adds": slope * SHIFT_PARTS}
        grown[name]["interval"] = [low * SHIFT_PARTS, high * SHIFT_PARTS]
    lasted = samples[-1]["seconds"] - samples[0]["seconds"]
    seen = samples[-1]["parts"] - samples[0]["parts"]
    return {"minutes": lasted / 60, "parts": seen, "parts_per_s": seen / lasted, "stands_for_h": seen / 5 / 3600, "grown": grown}


def plot(samples: list[dict[str, float]], file: Path) -> None:
    """Draw what was sampled over the number of parts."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(_GROWING), 1, figsize=(8, 9), sharex=True, layout="constrained")
    for axis, name in zip(axes, _GROWING, strict=True):
        axis.plot([one["parts"] for one in samples], [one[name] for one in samples], ".-")
        axis.set_ylabel(name)
        axis.set_ylim(0, 1.15 * max(one[name] for one in samples))
        axis.grid(alpha=0.3)
    axes[-1].set_xlabel("parts since the beginning")
    figure.savefig(file)
    pyplot.close(figure)


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--parts-per-s", type=float, default=20.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        home = Path(folder)
        line, server = Line(home), Server(home)
        line.start(1 / arguments.parts_per_s, [STATION])
        server.start()
        try:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            samples = soaked(users(browser, server, [STATION], 1)[0], server, home, arguments.minutes)
            browser.close()
        finally:
            line.kill()
            server.kill()
    figures = verdict(samples) | {"load_average": os.getloadavg()[0], "samples": samples}
    print(json.dumps({name: value for name, value in figures.items() if name != "samples"}, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if arguments.plot:
        plot(samples, arguments.plot)


if __name__ == "__main__":
    main()
