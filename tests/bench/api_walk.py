"""Every operation of the API's own specification with made-up requests, right and wrong, against the answers that it documents.

    python -m tests.bench.api_walk [--examples 200] [--model models/demo-press/1.0.0]

Schemathesis makes the requests. All of its checks are on (no 5xx, no undocumented status, type or shape, no access without a token, no
body taken that the specification forbids) but two: that each request which fits the specification is taken, as it cannot say what a
picture is; and that each wrong query is refused, as what is wrong with a made-up one (a null, an empty list) is often lost where it
is written into an address. With a model, parts are really judged.
"""

import argparse
import collections
import contextlib
import tempfile
from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from limits import parse
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from inspector.access.passwords import token_hash
from inspector.api import Limits, Service, application
from inspector.commands.api import SCOPES
from inspector.commands.installation import Knowledge, open_store
from inspector.home import Home

TOKEN = "a-token-of-the-walk"


def walk(app, token, examples, modes=("positive", "negative")):
    """Send made-up requests to each operation; return how many of which answer came. Raises where an answer is not as documented."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=SchemathesisConfig())
    answers = collections.Counter()
    headers = {"Authorization": f"Bearer {token}"}
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in modes:
            _send(operation, schemathesis.GenerationMode(mode), headers, examples, answers)
    return answers


def _send(operation, mode, headers, examples, answers):
    excluded = [positive_data_acceptance] + ([negative_data_rejection] if operation.method.upper() == "GET" else [])

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case):
        reply = case.call_and_validate(headers=headers, excluded_checks=excluded)
        answers[f"{operation.label} {reply.status_code}"] += 1

    with contextlib.suppress(Unsatisfiable):  # nothing can be wrong with a request that says nothing
        send()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--model", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder), demonstration=True) as store:
        store.clients.add("walk", tuple(SCOPES), token_hash(TOKEN))
        limits = Limits(requests=parse("1000000 per second"), wrong_tokens=parse("1000000 per second"))
        bench = _bench(arguments.model, store) if arguments.model else None
        service = Service(store, Home.at(folder), lambda: Knowledge(store, Path(folder)), bench=bench, limits=limits)
        answers = walk(application(service), TOKEN, arguments.examples)
        for answer, count in sorted(answers.items()):
            print(f"{count:>6}  {answer}")
        print(f"{sum(answers.values())} requests, every answer as documented; log whole: {not store.audit.check().findings}")


def _bench(model, store):
    from inspector.api import Bench
    from inspector.pipeline import open_pipeline

    return Bench(open_pipeline(model))


if __name__ == "__main__":
    main()
