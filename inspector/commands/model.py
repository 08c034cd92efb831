"""Train, try and serve models of an installation: a training in the background, a check against the model in service, and back in one step.

examples:  inspector model train --station press-2                  (from what people labelled; outlives this terminal)
           inspector model training                                 (how far it is; --cancel ends it)
           inspector model golden press-2 A7-000210 A7-000214       (parts that every model must judge right)
           inspector model check models/press-2-line/1.1.0 --station press-2
           inspector model activate models/press-2-line/1.1.0 --station press-2
           inspector model rollback --station press-2
           inspector model list --station press-2
"""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.commands.output import add_home_argument, add_json_argument, progress, write_json
from inspector.errors import UsageError

if TYPE_CHECKING:
    from inspector.home import Home
    from inspector.store import Store
    from inspector.trainings import Training

SUMMARY = "train, check, activate and roll back models"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the models that can judge, and which one serves a station")
    training = actions.add_parser("train", help="begin a training in the background; one at a time")
    training.add_argument("--data", type=Path, metavar="DIR", help="labelled parts folder (default: what people of the station labelled)")
    training.add_argument("--recipe", type=Path, metavar="FILE", help="how (default: models/recipes/line.yaml)")
    training.add_argument("--seed", type=int, default=0, metavar="S", help="start of all chance (default: 0)")
    watching = actions.add_parser("training", help="tell how far the training is")
    watching.add_argument("--cancel", action="store_true", help="end it")
    golden = actions.add_parser("golden", help="name golden parts, or list them")
    golden.add_argument("station", metavar="STATION")
    golden.add_argument("parts", nargs="*", metavar="PART_ID", help="of several inspections of a part the last counts (none: list them)")
    golden.add_argument("--remove", action="store_true", help="these are golden no more")
    checking = actions.add_parser("check", help="let a model and the one in service judge stored and golden parts")
    checking.add_argument("--against", type=Path, metavar="MODEL_DIR", help="where the model in service is not known")
    activating = actions.add_parser("activate", help="put a model into service that was checked")
    for action in (checking, activating):
        action.add_argument("model", type=Path, metavar="MODEL_DIR")
    back = actions.add_parser("rollback", help="take the model back that was activated last")
    listing.add_argument("--station", metavar="S")
    for action in (training, checking, activating, back):
        action.add_argument("--station", required=True, metavar="S")
    for action in (listing, training, watching, golden, checking, activating, back):
        add_home_argument(action)
        add_json_argument(action)


def run(arguments: argparse.Namespace) -> int:
    from inspector.commands.installation import open_store
    from inspector.home import Home

    with open_store(arguments.home) as store:
        document, told = _ACTIONS[arguments.action](arguments, store, Home.at(arguments.home))
    if arguments.json != "-":
        print(told)
    if arguments.json:
        write_json(arguments.json, document)
    return 2 if document.get("hindrances") else 0


Answer = tuple[dict[str, Any], str]


def _list(arguments: argparse.Namespace, store: Store, home: Home) -> Answer:
    from inspector.home import known_models
    from inspector.service import model_of, serving

    models: list[dict[str, Any]] = [{**model_of(folder)} for folder in known_models(home)]
    serves = serving(store, home, arguments.station) if arguments.station else None
    for model in models:
        model["serves"] = serves is not None and Path(model["folder"]) == serves.resolve()
    lines = [f"{'*' if model['serves'] else ' '} {model['name']} {model['version']}  {model['folder']}" for model in models]
    return {"models": models}, "\n".join(lines) or "no model is there"


def _train(arguments: argparse.Namespace, store: Store, home: Home) -> Answer:
    from inspector.service import begin_training

    if arguments.data is not None and not arguments.data.is_dir():
        raise UsageError(f"--data {arguments.data}: is not a folder")
    begun = begin_training(store, home, arguments.station, arguments.data, arguments.recipe, who="command line", seed=arguments.seed)
    return _document(begun), f"began: {begun.model} from {begun.data}; 'inspector model training' tells how far it is"


def _training(arguments: argparse.Namespace, store: Store, home: Home) -> Answer:
    from inspector.service import cancel_training
    from inspector.trainings import Trainings

    if arguments.cancel:
        ended = cancel_training(store, home)
        return _document(ended), f"cancelled: {ended.model}"
    newest = next(iter(Trainings(home).all()), None)
    return ({}, "nothing was trained yet") if newest is None else (_document(newest), _words(newest))


def _golden(arguments: argparse.Namespace, store: Store, _home: Home) -> Answer:
    from inspector.service import set_golden

    for part_id in arguments.parts:
        found = store.find(part_id, arguments.station)
        if found is None:
            raise UsageError(f"there is no part '{part_id}' at {arguments.station}")
        set_golden(store, found, not arguments.remove)
    kept = [stored.summary.part_id for one in store.services.golden(arguments.station) if (stored := store.get(one))]
    return {"golden": kept}, "\n".join(kept) or "no part is golden"


def _check(arguments: argparse.Namespace, store: Store, home: Home) -> Answer:
    from inspector.service import WHY, check

    done = check(store, home, arguments.station, arguments.model, arguments.against, progress)
    compared, costs = done["compare"], done["compare"]["costs"]
    lines = [f"{done['parts']} parts, {len(compared['changed'])} judged otherwise than by {done['serving']['name']}"]
    for change in compared["changed"]:
        was, now = change["outcome"]
        lines.append(f"  {change['part_id']}  {was} -> {now}" + (f"  (is {change['truth']})" if "truth" in change else ""))
    lines += [
        f"{word:10} escapes {one['escapes']}, overkill {one['overkill']}, reviews {one['reviews']}: cost {one['cost']:g}"
        for word, one in (("in service", costs["before"]), ("candidate", costs["after"]))
    ]
    wrong = done["golden"]["wrong"]
    lines.append(f"golden parts: {done['golden']['parts'] - len(wrong)} of {done['golden']['parts']} judged right")
    lines += [f"  wrong: {one['part_id']} (is {one['truth']}) {one['outcome']}" for one in wrong]
    lines += [f"may not serve yet: {WHY[why]}" for why in done["hindrances"]] or ["may be activated"]
    return done, "\n".join([*lines, f"kept as {done['replay']}, to be looked at in the dashboard"])


def _activate(arguments: argparse.Namespace, store: Store, home: Home) -> Answer:
    from inspector.service import activate, model_of

    activate(store, home, arguments.station, arguments.model)
    model = model_of(arguments.model)
    return {"serving": model}, f"{model['name']} {model['version']} serves {arguments.station}"


def _rollback(arguments: argparse.Namespace, store: Store, home: Home) -> Answer:
    from inspector.service import model_of, roll_back

    now = roll_back(store, home, arguments.station)
    model = model_of(now) if now else None
    return {"serving": model}, f"{model['name']} {model['version']} serves {arguments.station}" if model else "no model is in service"


_ACTIONS = {
    "list": _list,
    "train": _train,
    "training": _training,
    "golden": _golden,
    "check": _check,
    "activate": _activate,
    "rollback": _rollback,
}


def _document(one: Training) -> dict[str, Any]:
    return {
        "training": one.name,
        "station": one.station,
        "state": one.state,
        "stage": one.stage,
        "done": one.done,
        "total": one.total,
        "data": str(one.data),
        "model": str(one.model),
        "who": one.who,
        "error": one.error,
    }


def _words(one: Training) -> str:
    began = datetime.fromtimestamp(one.began_utc_ns / 1e9).astimezone().strftime("%Y-%m-%d %H:%M")
    lines = [f"{one.model}: {one.state}, began {began} by {one.who}"]
    if one.state == "running":
        lines.append(f"  {one.stage or 'loading'} {one.done} of {one.total}" if one.total else f"  {one.stage or 'loading'}")
    return "\n".join(lines + ([f"  {one.error}"] if one.error else []))
