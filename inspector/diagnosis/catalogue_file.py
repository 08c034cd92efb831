"""Catalogue files: the shipped one, what an installation adds or changes, and every mistake in them at once, with key and line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from inspector.config import read_yaml
from inspector.diagnosis.catalogue import NO_CAUSE, Catalogue, fits_kind
from inspector.diagnosis.wording import known_kinds
from inspector.errors import ConfigError
from inspector.home import shipped
from inspector.mistakes import Mistake, mistakes_in, placed, unknown
from inspector.parts import NOT_MEASURED

CATALOGUE_FILE = "data/knowledge/causes.yaml"


def load_catalogue(path: Path | str | None = None, *own: Path) -> Catalogue:
    """Read and check a catalogue, by default the shipped one, and over it each file of an installation that is there.

    In those a cause of the same name takes the place of the one before, and other causes join them; they may leave out what they do not
    change. Raises ConfigError that lists every mistake of a file with its key and line.
    """
    path = shipped(CATALOGUE_FILE) if path is None else Path(path)
    content = read_yaml(path)
    _refuse(mistakes_of(content), path)
    for file in own:
        if file.is_file():
            added = read_yaml(file)
            _refuse(mistakes_of(added, content), file)
            content = joined(content, added)
    return Catalogue.model_validate(content)


def joined(content: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a catalogue's content with what an installation adds or changes."""
    named = {cause["name"]: cause for cause in own.get("causes", ())}
    kept = [named.pop(cause["name"], cause) for cause in content.get("causes", ())]
    return {
        **content,
        **{key: own[key] for key in ("not_measured", "together") if key in own},
        "causes": [*kept, *named.values()],
        # the first limit that fits is the one that counts
        "limits": list({str(limit): limit for limit in (*own.get("limits", ()), *content.get("limits", ()))}.values()),
        **{key: {**content.get(key, {}), **own.get(key, {})} for key in ("defects", "words")},
    }


def mistakes_of(content: Mapping[str, Any], under: Mapping[str, Any] | None = None) -> list[Mistake]:
    """Return all that is wrong with a catalogue's content, however much else is; `under` is the catalogue that it adds to."""
    whole = {"not_measured": under["not_measured"], **content} if under else content
    try:
        Catalogue.model_validate(whole)
        found = []
    except ValidationError as error:
        found = mistakes_in(error, Catalogue, whole)
    return [*found, *_of_names(content, under or {}), *_of_kinds(content)]


def _refuse(found: list[Mistake], path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = placed(found, text)
    if len(found) == 1 and found[0].key:
        where = f" (line {found[0].line})" if found[0].line else ""
        raise ConfigError(found[0].says + where, path=path, key=found[0].key)
    if found:
        raise ConfigError("; ".join(map(str, found)), path=path)


# --- what only the whole catalogue can tell ----------------------------------------------------------------------------------------


def _of_names(content: Mapping[str, Any], under: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield duplicate and reserved names, links that lead nowhere, and circles."""
    causes = _causes(content)
    names = [str(cause.get("name")) for cause in causes]
    known = {*names, *(str(cause.get("name")) for cause in _causes(under))}
    for place, (name, cause) in enumerate(zip(names, causes, strict=True)):
        if name in names[:place]:
            yield Mistake(f"causes.{place}.name", f"'{name}' is there twice, at {names.index(name)} and at {place}; keep one")
        if name in (NOT_MEASURED, NO_CAUSE):
            yield Mistake(f"causes.{place}.name", f"'{name}' is kept for parts without a known cause; choose another name")
        for key, other in _links(cause):
            if other == name:
                yield Mistake(f"causes.{place}.{key}", f"'{other}' is this cause itself")
            elif other not in known:
                yield Mistake(f"causes.{place}.{key}", f"'{other}' is no cause of this catalogue; {unknown('cause', other, known)}")
    edges = {str(cause.get("name")): _leads_to(cause) for cause in _causes(under)}
    for name in names:
        edges[name] = tuple(other for cause in causes if str(cause.get("name")) == name for other in _leads_to(cause))
    for circle in _circles(edges):
        place = next((place for place, name in enumerate(names) if name in circle), 0)
        yield Mistake(f"causes.{place}.leads_to", f"goes in a circle: {' -> '.join(circle)}; take one link out")


def _causes(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    causes = content.get("causes")
    return [cause if isinstance(cause, dict) else {} for cause in causes] if isinstance(causes, list) else []


def _links(cause: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    contrasts = cause.get("told_apart_from")
    for number, contrast in enumerate(contrasts if isinstance(contrasts, list) else ()):
        if isinstance(contrast, dict) and isinstance(contrast.get("cause"), str):
            yield f"told_apart_from.{number}.cause", contrast["cause"]
    for other in _leads_to(cause):
        yield f"leads_to.{other}", other


def _leads_to(cause: Mapping[str, Any]) -> tuple[str, ...]:
    led = cause.get("leads_to")
    return tuple(str(name) for name in led) if isinstance(led, dict) else ()


def _circles(edges: Mapping[str, tuple[str, ...]]) -> list[list[str]]:
    """Return the circles of a directed graph that a walk over it meets, each as the names along it; a cause itself is none."""
    done: set[str] = set()
    found: list[list[str]] = []

    def walk(name: str, trail: list[str]) -> None:
        if name in trail:
            found.append([*trail[trail.index(name) :], name])
        elif name not in done:
            for other in edges.get(name, ()):
                if other != name:
                    walk(other, [*trail, name])
            done.add(name)

    for name in edges:
        walk(name, [])
    return found


def _of_kinds(content: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield the quantities that nothing measures."""
    for place, cause in enumerate(_causes(content)):
        yield from _unmeasured(f"causes.{place}.symptoms", cause.get("symptoms"))
        for kind in forms if isinstance(forms := cause.get("forms"), dict) else ():
            if kind not in known_kinds():
                yield Mistake(f"causes.{place}.forms.{kind}", unknown("quantity", str(kind), known_kinds()))
    yield from _unmeasured("limits", content.get("limits"))


def _unmeasured(key: str, entries: Any) -> Iterator[Mistake]:
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        kind = entry.get("kind") if isinstance(entry, dict) else None
        if isinstance(kind, str) and kind and not _is_measured(kind, known_kinds()):
            yield Mistake(f"{key}.{number}.kind", unknown("quantity", kind, known_kinds()))


def _is_measured(kind: str, known: Iterable[str]) -> bool:
    return all(any(fits_kind(one, name) for name in known) for one in kind.split("|"))


def write_catalogue(path: Path, content: Mapping[str, Any], over: Mapping[str, Any], head: str) -> None:
    """Write catalogue content that adds to `over`, a comment at its head. Raises ConfigError where it is wrong, and writes nothing then."""
    if found := mistakes_of(content, over):
        raise ConfigError("; ".join(map(str, found)), path=path)
    text = yaml.safe_dump({key: value for key, value in content.items() if value}, allow_unicode=True, sort_keys=False, width=120)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".new")
    scratch.write_text(f"# {head}\n{text}", encoding="utf-8")
    scratch.replace(path)
