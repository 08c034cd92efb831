"""What is wrong with a file that a person wrote, in words that say what to do: which key, what it should be, what was meant."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

MOST_NAMED = 12
"""So many names are a help; more are a wall."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOUNDS = frozenset({"greater_than", "greater_than_equal", "less_than", "less_than_equal"})
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: the dotted key, what to do about it, and the line of the file where that is known."""

    key: str
    says: str
    line: int | None = None

    def __str__(self) -> str:
        where = f" (line {self.line})" if self.line else ""
        return f"{self.key}: {self.says}{where}" if self.key else f"{self.says}{where}"


def mistakes_in(error: ValidationError, model: type[BaseModel], content: Any, key: str = "") -> list[Mistake]:
    """Return what pydantic found, worded.

    Args:
        error: raised by `model`.
        model: what `content` should have been.
        content: what the file holds there.
        key: the dotted place of `content` in the file.
    """
    found = []
    for one in error.errors():
        place = one["loc"]
        dotted = ".".join([*([key] if key else []), *(str(part) for part in place)])
        found.append(Mistake(dotted, _words(one, model, content)))
    return found


def unknown(what: str, word: str, known: Iterable[str]) -> str:
    """Return that `word` is no `what`, with the one that was probably meant, or those that there are."""
    names = sorted(known)
    near = get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"unknown {what} '{word}', did you mean '{near[0]}'?"
    if not names:
        return f"unknown {what} '{word}', there is none"
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"unknown {what} '{word}', there are {', '.join(names[:MOST_NAMED])}{more}"


def description_at(model: type[BaseModel], place: Sequence[str | int]) -> str:
    """Return what the field at `place` says of itself; empty where it says nothing."""
    if not place:
        return ""
    holder = _model_at(model, place[:-1])
    field = holder.model_fields.get(str(place[-1])) if holder else None
    return (field.description or "") if field else ""


def _words(one: Any, model: type[BaseModel], content: Any) -> str:
    place, kind = one["loc"], one["type"]
    says = str(one["msg"]).removeprefix("Value error, ")
    about = description_at(model, place)
    if kind == "extra_forbidden":
        holder = _model_at(model, place[:-1])
        return unknown("key", str(place[-1]), holder.model_fields if holder else ())
    if kind == "missing":
        return "is missing" + (f": {about}" if about else "")
    if place and _value_at(content, place) is None and one["input"] is None:
        return f"is empty, fill it in: {about or says}"
    if kind == "literal_error" and isinstance(one["input"], str):
        near = get_close_matches(one["input"], str(one["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", "), n=1)
        return f"{says}, did you mean '{near[0]}'?" if near else says
    if kind in _BOUNDS:
        return f"{says}, not {one['input']}"
    return says


def _value_at(content: Any, place: Sequence[str | int]) -> Any:
    for part in place:
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            return ...
    return content


def _model_at(model: Any, place: Sequence[str | int]) -> type[BaseModel] | None:
    """Return the model that the keys at `place` belong to."""
    candidates = [model]
    for part in place:
        candidates = [inner for one in candidates for inner in _inner(one, str(part))]
    return next((one for one in candidates if _is_model(one)), None)


def _inner(annotation: Any, part: str) -> list[Any]:
    if _is_model(annotation):
        field = annotation.model_fields.get(part)
        return _unfolded(field.annotation) if field else []
    arguments = get_args(annotation)
    return _unfolded(arguments[-1 if get_origin(annotation) is dict else 0]) if arguments else []


def _unfolded(annotation: Any) -> list[Any]:
    """Return the members of a union, without annotations."""
    if get_origin(annotation) is Annotated:
        return _unfolded(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [inner for member in get_args(annotation) for inner in _unfolded(member)]
    return [annotation]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


# --- lines of a YAML file --------------------------------------------------------------------------------------------------------


def placed(mistakes: Iterable[Mistake], text: str) -> list[Mistake]:
    """Return mistakes with their lines in the YAML `text`, in the order of the lines, and with them the keys that are given twice."""
    nodes = yaml.compose(text, Loader=_LOADER)
    lines = dict(_lines(nodes, (), set()))
    found = [*_repeated(nodes, (), set()), *mistakes]
    with_lines = (Mistake(one.key, one.says, one.line or _line_of(one.key, lines)) for one in found)
    return sorted(with_lines, key=lambda one: one.line or 0)


def _lines(node: Any, place: Key, seen: set[int]) -> Iterator[tuple[Key, int]]:
    """Yield each key's place and the line on which it stands; what is used again by its anchor (`*name`) only once."""
    if id(node) in seen:
        return
    seen.add(id(node))
    inner: list[tuple[Key, Any, Any]] = []
    if isinstance(node, yaml.MappingNode):
        inner = [((*place, str(key.value)), key, value) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        inner = [((*place, str(number)), value, value) for number, value in enumerate(node.value)]
    for where, mark, value in inner:
        yield where, mark.start_mark.line + 1
        yield from _lines(value, where, seen)


def _repeated(node: Any, place: Key, seen: set[int]) -> Iterator[Mistake]:
    """Yield the keys that are given twice: YAML takes the last one without a word."""
    if not isinstance(node, (yaml.MappingNode, yaml.SequenceNode)) or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _repeated(value, (*place, str(number)), seen)
        return
    first: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in first:
            yield Mistake(".".join((*place, name)), f"is given twice, first on line {first[name]}; take one away", line)
        first.setdefault(name, line)
        yield from _repeated(value, (*place, name), seen)


def _line_of(dotted: str, lines: dict[Key, int]) -> int | None:
    """Return the line of a key, or of the nearest one above it that the file has."""
    place = tuple(dotted.split("."))
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place)
