"""Let machines in: serve the HTTP API, and say which clients may call it.

examples:
  inspector api add mes --scope inspect --scope read                (a token is made and shown once)
  inspector api serve --model models/demo-press/1.0.0 --port 8600
  inspector api change mes --scope read --station press-3           (its token stays)
  inspector api list
  inspector api remove mes
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.commands.output import add_home_argument, add_json_argument, write_json
from inspector.errors import UsageError

if TYPE_CHECKING:
    from inspector.api import Bench, Service
    from inspector.store import Client, Store

SUMMARY = "serve the HTTP API for machines, and say who may call it"
_SCOPES = ("inspect", "read", "feedback", "metrics")
"""Of `inspector.store.SCOPES`, which takes long to import for a help text."""
PORT = 8600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    serving = actions.add_parser("serve", help="serve the API until stopped")
    serving.add_argument(
        "--model", metavar="MODEL_DIR", type=Path, help="model that judges parts (default: none, and no part is inspected)"
    )
    serving.add_argument("--station", metavar="FILE", type=Path, help="station file: units, scale, and what is known of the machine")
    serving.add_argument("--inbox", metavar="DIR", type=Path, help="folder below which parts may be referred to instead of sent")
    serving.add_argument("--port", type=int, default=PORT, help=f"port to listen on (default {PORT})")
    serving.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1: this machine only)")
    serving.add_argument("--rate", metavar="N", type=int, default=600, help="requests a minute of one client (default: 600)")
    serving.add_argument("--station-rate", metavar="N", type=int, default=300, help="parts a minute for one station (default: 300)")
    serving.add_argument("--max-mb", metavar="MB", type=float, default=64.0, help="largest request (default: 64)")
    adding = actions.add_parser("add", help="let a client in; its token is shown once")
    changing = actions.add_parser("change", help="give a client other rights; its token stays")
    for action in (adding, changing):
        action.add_argument("name", metavar="NAME")
        action.add_argument("--scope", choices=_SCOPES, action="append", required=True, help="what it may do; may be repeated")
        action.add_argument("--station", metavar="STATION", action="append", help="only there; may be repeated (default: at every one)")
    removing = actions.add_parser("remove", help="let a client in no more")
    removing.add_argument("name", metavar="NAME")
    listing = actions.add_parser("list", help="show the clients")
    for action in (serving, adding, changing, removing, listing):
        add_home_argument(action)
    add_json_argument(listing)


def run(arguments: argparse.Namespace) -> int:
    from inspector.commands.installation import open_store

    with open_store(arguments.home) as store:
        if arguments.action == "serve":
            return _serve(arguments, store)
        if arguments.action == "add":
            _add(store, arguments.name, arguments.scope, arguments.station or ["*"])
        elif arguments.action == "change":
            store.clients.change(arguments.name, arguments.scope, arguments.station or ["*"])
        elif arguments.action == "remove":
            store.clients.remove(arguments.name)
        else:
            _list(arguments, store)
    return 0


def _add(store: Store, name: str, scopes: list[str], stations: list[str]) -> None:
    from inspector.access import new_token, token_hash

    token = new_token()
    store.clients.add(name, scopes, token_hash(token), stations)
    print(f"{name}: {token}   (shown this once)")


def _list(arguments: argparse.Namespace, store: Store) -> None:
    clients = store.clients.all()
    if arguments.json != "-":
        print("\n".join(map(_words, clients)) or "no client")
    if arguments.json:
        write_json(arguments.json, {"clients": [_document(client) for client in clients]})


def _words(client: Client) -> str:
    only = "" if "*" in client.stations else f"   only {', '.join(sorted(client.stations))}"
    return f"{client.name}   {', '.join(sorted(client.scopes))}{only}"


def _document(client: Client) -> dict[str, Any]:
    return {"name": client.name, "scopes": sorted(client.scopes), "stations": sorted(client.stations)}


def _serve(arguments: argparse.Namespace, store: Store) -> int:
    import uvicorn

    from inspector.api import application

    service = _service(arguments, store)
    shown = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
    print(f"api: http://{shown}:{arguments.port}/openapi.json  (Ctrl-C ends it)", flush=True)
    uvicorn.run(application(service), host=arguments.host, port=arguments.port, log_level="warning", server_header=False)
    return 0


def _service(arguments: argparse.Namespace, store: Store) -> Service:
    from limits import parse

    from inspector.api import Limits, Service
    from inspector.commands.installation import Knowledge
    from inspector.home import Home

    if arguments.rate < 1:
        raise UsageError(f"--rate {arguments.rate}: must be 1 or more")
    if arguments.station_rate < 1:
        raise UsageError(f"--station-rate {arguments.station_rate}: must be 1 or more")
    if not 0 < arguments.max_mb <= 1000:
        raise UsageError(f"--max-mb {arguments.max_mb:g}: must be above 0 and at most 1000")
    if not 0 < arguments.port < 65536:
        raise UsageError(f"--port {arguments.port}: must be from 1 to 65535")
    if arguments.inbox is not None and not arguments.inbox.is_dir():
        raise UsageError(f"--inbox {arguments.inbox}: is no folder")
    if arguments.station is not None and arguments.model is None:
        raise UsageError("--station goes with --model")
    limits = Limits(
        requests=parse(f"{arguments.rate} per minute"),
        station_parts=parse(f"{arguments.station_rate} per minute"),
        body_mb=arguments.max_mb,
    )
    bench = _bench(arguments, store) if arguments.model is not None else None
    home = Home.at(arguments.home)
    return Service(store, home, lambda: Knowledge(store, arguments.home), bench=bench, inbox=arguments.inbox, limits=limits)


def _bench(arguments: argparse.Namespace, store: Store) -> Bench:
    from inspector.api import Bench
    from inspector.commands.installation import Knowledge
    from inspector.config import load_station
    from inspector.pipeline import open_pipeline

    station = load_station(arguments.station) if arguments.station else None

    knowledge = Knowledge(store, arguments.home, station)
    pipeline = open_pipeline(arguments.model, knowledge.memory, station, knowledge.catalogue)
    pipeline.warm_up()
    return Bench(pipeline, knowledge, station)
