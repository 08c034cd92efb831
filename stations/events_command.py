"""Tell other systems of verdicts and changes, by webhook or MQTT, at least once and in order.

examples:
  inspector events send events.yaml          (until stopped; what could not be told waits on disk)
  inspector events list
  inspector events forget mes

The file names each system, how it is reached, and which kinds of events it is told of:

  mes:
    webhook: {url: "https://mes.plant/events", headers: {Authorization: {env: MES_TOKEN}}}
    kinds: [verdict, overruled]
  plant:
    mqtt: {host: broker.plant, topic: "line-inspector/events/{kind}"}
"""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from inspector.commands.output import add_home_argument, add_json_argument, write_json

if TYPE_CHECKING:
    from inspector.store import Store

SUMMARY = "tell other systems of verdicts and changes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    sending = actions.add_parser("send", help="tell the systems that a file names, until stopped")
    sending.add_argument("file", metavar="FILE", type=Path)
    listing = actions.add_parser("list", help="show who is told, and how much waits for them")
    forgetting = actions.add_parser("forget", help="forget a system; should it come back, it is told from then on")
    forgetting.add_argument("name", metavar="NAME")
    for action in (sending, listing, forgetting):
        add_home_argument(action)
    add_json_argument(listing)


def run(arguments: argparse.Namespace) -> int:
    from inspector.home import Home
    from inspector.store import Store

    with Store.open(Home.at(arguments.home)) as store:
        if arguments.action == "send":
            _send(arguments.file, store)
        elif arguments.action == "forget":
            store.events.forget(arguments.name)
        else:
            _list(arguments, store)
    return 0


def _send(path: Path, store: Store) -> None:
    from stations.events import Teller, load_subscriptions

    tellers = [Teller(name, subscription, store) for name, subscription in load_subscriptions(path).items()]
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    for teller in tellers:
        teller.start()
    print(f"telling {len(tellers)} systems of events  (Ctrl-C ends it)", flush=True)
    stopped.wait()
    for teller in tellers:
        teller.stop()


def _list(arguments: argparse.Namespace, store: Store) -> None:
    readers = store.events.readers()
    if arguments.json != "-":
        print("\n".join(f"{reader.name}   told up to {reader.told_sequence}, {reader.waiting} wait" for reader in readers) or "nobody")
    if arguments.json:
        told = [{"name": reader.name, "told": reader.told_sequence, "waiting": reader.waiting} for reader in readers]
        write_json(arguments.json, {"readers": told})
