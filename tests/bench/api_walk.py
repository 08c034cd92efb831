"""Every operation of the API's own specification with made-up requests, right and wrong, against the answers that it documents.

    python -m tests.bench.api_walk [--examples 200] [--model models/demo-press/1.0.0] [--json FILE]

Schemathesis makes the requests. What it cannot make up (a picture to refer to, the id of an inspection, the name of a recording) is put in
the place of what it made up in about every second request that fits, so that parts are really judged, by the model that ships unless
another is given. (It sends no optional files: sent pictures are judged in `tests/system/test_api_service.py`.) All of its checks are on (no
5xx, no undocumented status, type or shape, no access without a token, no body taken that the specification forbids) but two: that each
request which fits the specification is taken, as it cannot say what a picture is; and that each wrong query is refused, as what is wrong
with a made-up one (a null, an empty list) is often lost where it is written into an address.
"""

import argparse
import collections
import contextlib
import io
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings, strategies
from hypothesis.errors import Unsatisfiable
from limits import parse
from PIL import Image
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from inspector.access import token_hash
from inspector.api import Bench, Limits, Service, application
from inspector.commands.installation import Knowledge, open_store
from inspector.home import DEMO_MODEL, Home, newest_version
from inspector.pipeline import open_pipeline
from inspector.store import SCOPES
from tests.browser.test_dashboard import made_line

RECORDING = Path(__file__).parents[1] / "unit" / "inspector" / "layout-1.mcap"
TOKEN = "a-token-of-the-walk"
STATION = "demo-press"


class Things:
    """What is there to be asked for, by operation: each puts it in the place of what was made up."""

    def __init__(self, inspection_id, recording, reference):
        self._inspection_id, self._recording, self._reference = inspection_id, recording, reference

    def put_into(self, case):
        path = case.operation.path
        if "{inspection_id}" in path:
            case.path_parameters["inspection_id"] = self._inspection_id
        if "{station}" in path:
            case.path_parameters["station"] = STATION
        if path.endswith("/recording"):
            case.query["name"] = self._recording
        if path.endswith("/feedback"):
            case.body.pop("fix_id", None)
        if path.endswith("/by-reference"):
            case.body["files"] = {"image": self._reference}


def walk(app, token, examples, modes=("positive", "negative"), things=None):
    """Send made-up requests to each operation; return how many of which answer came. Raises where an answer is not as documented."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=SchemathesisConfig())
    answers = collections.Counter()
    headers = {"Authorization": f"Bearer {token}"}
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in modes:
            _send(operation, schemathesis.GenerationMode(mode), headers, examples, answers, things)
    return answers


def _send(operation, mode, headers, examples, answers, things):
    excluded = [positive_data_acceptance] + ([negative_data_rejection] if operation.method.upper() == "GET" else [])
    has_things = things is not None and mode is schemathesis.GenerationMode.POSITIVE

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_there=strategies.booleans() if has_things else strategies.just(False))
    def send(case, is_there):
        if is_there:
            things.put_into(case)
        reply = case.call_and_validate(headers=headers, excluded_checks=excluded)
        answers[f"{operation.label} {reply.status_code}"] += 1

    with contextlib.suppress(Unsatisfiable):  # nothing can be wrong with a request that says nothing
        send()


def real_things(home, inbox, store):
    """Put a part, a recording and a file to refer to into an installation; return them."""
    made = made_line()
    recording = home.recordings / STATION / "walk.mcap"
    recording.parent.mkdir(parents=True)
    shutil.copy(RECORDING, recording)
    (inbox / "part.png").write_bytes(picture())
    inspection_id = store.add(made.inspection(5, fault=made.FAULTS[0]))
    return Things(inspection_id, f"{STATION}/walk.mcap", "part.png")


def picture():
    """Return a grey picture with some noise as PNG."""
    pixels = np.random.default_rng(5).integers(90, 160, (480, 640), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--model", type=Path, default=newest_version(DEMO_MODEL))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "home", demonstration=True) as store:
        home, inbox = Home.at(Path(folder) / "home"), Path(folder) / "inbox"
        inbox.mkdir()
        store.clients.add("walk", tuple(SCOPES), token_hash(TOKEN))
        endless = parse("1000000 per second")
        limits = Limits(requests=endless, wrong_tokens=endless, station_parts=endless)
        bench = Bench(open_pipeline(arguments.model))
        service = Service(store, home, lambda: Knowledge(store, home.root), bench=bench, inbox=inbox, limits=limits)
        answers = walk(application(service), TOKEN, arguments.examples, things=real_things(home, inbox, store))
        _tell(answers, store, arguments.json)


def _tell(answers, store, file):
    for answer, count in sorted(answers.items()):
        print(f"{count:>6}  {answer}")
    whole = not store.audit.check().findings
    judged = len(store.audit.entries(action="verdict", limit=1_000_000))
    print(f"{sum(answers.values())} requests, every answer as documented, none 5xx; {judged} parts in the log; log whole: {whole}")
    if file:
        said = {"answers": dict(sorted(answers.items())), "requests": sum(answers.values()), "log_whole": whole, "parts": judged}
        file.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
