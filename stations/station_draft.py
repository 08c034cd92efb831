"""A station before it is a file: what was chosen, and the commented YAML that says it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from inspector.errors import UsageError
from inspector.parts import Modality
from inspector.plugins import load_driver

WIDTH = 130
COMMENT_COLUMN = 34

WINDOWS: dict[Modality, str] = {
    "audio": "{ pre_s: 0.9, post_s: 0.1 }",
    "vibration": "{ pre_s: 0.9, post_s: 0.1 }",
    "series": "{ pre_s: 2.0, post_s: 0.1 }",
}
"""A second resolves 1 Hz, two seconds show a slope; the head of the part's own window is before its trigger."""
OUT_OF_STEP = {
    "image": "further from its trigger is another part; running free: half the time between pictures",
    "other": "further out of step than this is named in the part",
}
UNIT_HINT = "of its values, e.g. bar, degC, A, kg"


@dataclass(frozen=True, slots=True)
class DeviceDraft:
    """A driver, and as much of its settings as is known."""

    driver: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def open_settings(self) -> list[str]:
        """The settings that the driver needs and that nobody gave."""
        fields = load_driver(self.driver).Settings.model_fields
        return [name for name, one in fields.items() if one.is_required() and self.settings.get(name) is None]


@dataclass(frozen=True, slots=True)
class ChannelDraft:
    """One stream."""

    modality: Modality
    device: DeviceDraft
    unit: str = ""


@dataclass(frozen=True, slots=True)
class StationDraft:
    """What `inspector station new` knows of a station."""

    station: str
    channels: Mapping[str, ChannelDraft]
    trigger: DeviceDraft
    sinks: Mapping[str, DeviceDraft]
    title: str = ""
    title_zh: str = ""
    product: str = ""

    @property
    def open_keys(self) -> list[str]:
        """The keys that have to be filled in before the station can run."""
        places = {"trigger": self.trigger} | {f"channels.{name}": channel.device for name, channel in self.channels.items()}
        places |= {f"sinks.{name}": sink for name, sink in self.sinks.items()}
        return [f"{place}.settings.{key}" for place, device in places.items() for key in device.open_settings]


def checked_name(name: str) -> str:
    """Return the name of a station. Raises UsageError for one that cannot be one."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,59}", name):
        raise UsageError(f"'{name}' cannot name a station: use lower case letters, digits and '-', 60 at most")
    return name


def station_text(draft: StationDraft) -> str:
    """Return the station file: valid but for keys marked `fill in`, every key with what it means."""
    return "\n".join([*_head(draft), "", *_trigger(draft), "", *_channels(draft), *_sinks(draft), "", *_machine(), ""])


def _head(draft: StationDraft) -> Iterator[str]:
    yield f"# The inspection station {draft.station}. `inspector station check FILE` reports every mistake at once and opens each device."
    yield "# A line that begins with '#' is not in force: it shows what could be set, and the value it has otherwise."
    yield f"station: {draft.station}"
    yield f"title: {{ en: {_flow(draft.title or draft.station)}, zh: {_flow(draft.title_zh or draft.title or draft.station)} }}"
    yield _line(0, "maturity", "draft", "commissioned and trusted need evidence, see stations/README.md")
    yield _line(0, "# owner", "", "who answers for this station")
    yield _line(0, "product" if draft.product else "# product", _flow(draft.product) if draft.product else "", "what it inspects")
    yield _line(0, "deadline_ms", "400", "from the end of a part's window to its verdict; later than this the outcome is `review`")


def _trigger(draft: StationDraft) -> Iterator[str]:
    yield _line(0, "trigger", "", 'what says "a part is in place"')
    yield from _device(draft.trigger, 2)


def _channels(draft: StationDraft) -> Iterator[str]:
    yield _line(0, "channels", "", "one entry a stream; any subset of image, audio, vibration, series")
    for name, channel in draft.channels.items():
        yield f"  {_flow(name)}:"
        yield f"    modality: {channel.modality}"
        yield from _device(channel.device, 4)
        yield from _timing(channel)
        yield ""


def _timing(channel: ChannelDraft) -> Iterator[str]:
    image, series = channel.modality == "image", channel.modality == "series"
    if image:
        yield _line(4, "# scale_mm_per_px", "0.1", "so that areas are given in mm² as well")
    else:
        yield _line(4, "unit", _flow(channel.unit), UNIT_HINT if series else "FS is full scale; of a vibration sensor m/s2")
        yield _line(4, "window", WINDOWS[channel.modality], "the span around the trigger that belongs to a part")
    age_ms, sync_ms = _patience_ms(channel)
    yield _line(4, "max_age_ms", f"{age_ms:g}", "data that ends earlier than this before the window's end is stale: missing for the part")
    yield _line(4, "max_sync_error_ms", f"{sync_ms:g}", OUT_OF_STEP["image" if image else "other"])
    if series:
        yield _line(4, "# max_still_s", "60", "a value that has not changed at all for longer is stuck; not given: it may stand still")
    yield _line(4, "required", "true" if image else "false", "true: a part without this channel is `review`, whatever the others say")


def _patience_ms(channel: ChannelDraft) -> tuple[float, float]:
    """Return max_age_ms and max_sync_error_ms: those of a quick stream, or as much more as a slow series needs."""
    interval_s = channel.device.settings.get("interval_s", 0) if channel.modality == "series" else 0
    interval_s = interval_s if isinstance(interval_s, int | float) else 0
    return max(1000.0, 4000.0 * interval_s), max(50.0, 1200.0 * interval_s)


def _sinks(draft: StationDraft) -> Iterator[str]:
    yield _line(0, "sinks", "" if draft.sinks else "{}", "who is told the outcome")
    for name, device in draft.sinks.items():
        yield f"  {_flow(name)}:"
        yield from _device(device, 4)


def _machine() -> Iterator[str]:
    yield "# recording: {}   # what the devices send, in a ring on disk; the time around failed and reviewed parts is kept"
    yield ""
    yield _line(0, "machine", "", "what is known of the machine; diagnosis reads its spectra with it")
    yield "  # shaft_hz: 24.5"
    yield "  # bearing: { bpfo_per_rev: 3.585, bpfi_per_rev: 5.415, bsf_per_rev: 2.357, ftf_per_rev: 0.398 }"
    yield _line(2, "belt_direction_deg", "0", "direction of travel in the picture, 0 = along x")


# --- a driver's settings -------------------------------------------------------------------------------------------------------


def _device(device: DeviceDraft, indent: int) -> Iterator[str]:
    yield from _described(indent, "driver", device.driver, _summary(device.driver))
    fields = load_driver(device.driver).Settings.model_fields
    given = [name for name in fields if name in device.settings]
    missing = device.open_settings
    if not fields:
        return
    if given or missing:
        yield f"{' ' * indent}settings:"
    else:
        yield _line(indent, "# settings", "", "all have defaults; where you set one, take the '#' away from this line as well")
    for name in sorted(fields, key=lambda name: name not in given and name not in missing):
        about = " ".join((fields[name].description or "").split())
        if name in missing:
            yield from _described(indent + 2, name, "", "fill in" + (f": {about}" if about else ""))
        elif name in given:
            yield from _described(indent + 2, name, _flow(device.settings[name]), about)
        else:
            yield from _described(indent + 2, name, _default(fields[name]), about, commented=True)


def _described(indent: int, key: str, value: str, about: str, *, commented: bool = False) -> Iterator[str]:
    """Yield a key with what it means behind it, or above it where that is long."""
    mark = "# " if commented else ""
    line = _line(indent, f"{mark}{key}", value, about)
    if len(line) > WIDTH:
        above = textwrap.wrap(about, WIDTH - indent - 4, initial_indent=" " * indent + "# ", subsequent_indent=" " * indent + "#   ")
        yield from above
        line = _line(indent, f"{mark}{key}", value, "fill in" if about.startswith("fill in") else "")
    yield line


def _line(indent: int, key: str, value: str, comment: str) -> str:
    text = f"{' ' * indent}{key}: {value}".rstrip()
    return f"{text:{COMMENT_COLUMN - 1}} # {comment}" if comment else text


def _default(field: FieldInfo) -> str:
    value = to_jsonable_python(field.get_default(call_default_factory=True, validated_data={}), fallback=str)
    return "" if value is None else _flow(value)


def _summary(driver: str) -> str:
    return (load_driver(driver).__doc__ or "").strip().partition("\n")[0]


def _flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    text = yaml.safe_dump(to_jsonable_python(value, fallback=str), default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("...\n").strip()
