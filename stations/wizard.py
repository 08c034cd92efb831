"""Ask what a new station has: every question with a default in brackets and one line of help; nothing is written here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from inspector.drivers import Driver
from inspector.errors import ConfigError, UsageError
from inspector.mistakes import description_at
from inspector.parts import Modality
from inspector.plugins import driver_names, load_driver
from stations.devices import PROMISE_OF
from stations.drafting import FIRST_NAMES, SIMULATED, SIMULATED_TRIGGER, TIMER, UNITS, checked, found_for, free_name, parsed, typed
from stations.finding import Search
from stations.station_draft import ChannelDraft, DeviceDraft, StationDraft

NONE = "none"
KINDS: tuple[tuple[Modality, str], ...] = (
    ("image", "Cameras"),
    ("audio", "Microphones"),
    ("vibration", "Vibration sensors"),
    ("series", "Slow values: scales, pressures, temperatures, currents"),
)
T = TypeVar("T")


@dataclass(slots=True)
class Wizard:
    """The questions, put to `ask`; what is not a question goes to `say`."""

    searches: list[Search]
    ask: Callable[[str], str] = input
    say: Callable[[str], object] = print
    channels: dict[str, ChannelDraft] = field(default_factory=dict)

    def draft(self, name: str) -> StationDraft:
        """Ask everything about the station `name`. Raises UsageError where the input ends."""
        self.say(f"A new station: {name}. Enter takes what stands in brackets; Ctrl-C ends this, and nothing is written.")
        title = self._text("Title", name.replace("-", " ").capitalize(), "its name for people, on the dashboard")
        title_zh = self._text("Title in Chinese", title, "the same for those who read the dashboard in Chinese")
        product = self._text("Product", "", "what it inspects, e.g. plate; may be empty")
        for modality, heading in KINDS:
            self._ask_channels(modality, heading)
        if not self.channels:
            raise UsageError("a station needs a channel: choose at least one camera, microphone or sensor")
        simulated = any(channel.device.driver.startswith("simulated-") for channel in self.channels.values())
        trigger = self._device("trigger", "Trigger", 'what says "a part is in place"', SIMULATED_TRIGGER if simulated else TIMER)
        sink = self._device("sink", "Who is told the outcome", "a PLC, a message broker; the log for a start", DeviceDraft("log-sink"))
        name_of_sink = sink.driver.removesuffix("-sink")
        return StationDraft(name, self.channels, trigger, {name_of_sink: sink}, title, title_zh, product)

    # --- channels

    def _ask_channels(self, modality: Modality, heading: str) -> None:
        taken = [channel.device for channel in self.channels.values()]
        there = [(title, device) for title, device in found_for(PROMISE_OF[modality], self.searches) if device not in taken]
        self.say(f"\n{heading}" + ("" if there else ": none was found"))
        self._list(there)
        chosen = self._several(modality, there, self._usual(modality, there))
        for device in chosen:
            self._ask_channel(modality, device)

    def _usual(self, modality: Modality, there: list[Any]) -> str:
        """Return the answer that Enter gives: the first found; with neither camera nor microphone the simulated line."""
        if not any(found_for(PROMISE_OF[sense], self.searches) for sense in ("image", "audio")):
            return SIMULATED[modality][1].device.driver if modality in SIMULATED else NONE
        return "1" if there and modality in ("image", "audio") else NONE

    def _ask_channel(self, modality: Modality, device: DeviceDraft) -> None:
        first, unit = FIRST_NAMES[modality], UNITS[modality]
        if modality in SIMULATED and device.driver == SIMULATED[modality][1].device.driver and not device.settings:
            first, simulated = SIMULATED[modality]
            device, unit = simulated.device, simulated.unit
        about = "of this channel, short, as in charts: letters, digits and _"
        name = self._text("  Name", free_name(first, self.channels), about, self._free)
        if modality != "image":
            unit = self._text("  Unit", unit, "of its values: FS for sound, m/s2, bar, degC, A, kg")
        self.channels[name] = ChannelDraft(modality, self._completed(device), unit)

    def _free(self, name: str) -> str:
        if not name.replace("_", "").replace("-", "").isalnum():
            raise UsageError("use letters, digits, '_' and '-'")
        if name in self.channels:
            raise UsageError("another channel has this name")
        return name

    # --- devices

    def _device(self, place: Literal["trigger", "sink"], heading: str, about: str, usual: DeviceDraft) -> DeviceDraft:
        """Ask for the one device of a place."""
        self.say(f"\n{heading}: {about}")
        promise = PROMISE_OF[place]
        plain = [(_summary(name), usual if name == usual.driver else DeviceDraft(name)) for name in _drivers_of(promise)]
        there = found_for(promise, self.searches)
        found_drivers = {device.driver for _, device in there}
        options = there + [(summary, device) for summary, device in plain if device.driver not in found_drivers]
        self._list(options)
        number = next((str(k) for k, (_, device) in enumerate(options, 1) if device.driver == usual.driver), usual.driver)

        def one(answer: str) -> DeviceDraft:
            devices = self._parsed(answer, options, promise)
            if len(devices) != 1:
                raise UsageError("choose one")
            return devices[0]

        return self._completed(self._asked("Which one?", number, "its number, or DRIVER:KEY=VALUE,...", one))

    def _several(self, modality: Modality, there: list[tuple[str, DeviceDraft]], usual: str) -> list[DeviceDraft]:
        promise = PROMISE_OF[modality]
        more = ", ".join(_drivers_of(promise))
        about = f"{'numbers, ' if there else ''}'{NONE}', or by name: {more}"
        return self._asked("Which ones?", usual, about, lambda answer: self._parsed(answer, there, promise))

    def _parsed(self, answer: str, options: list[tuple[str, DeviceDraft]], promise: type[Driver]) -> list[DeviceDraft]:
        """Return the devices of an answer: numbers with commas or blanks between them, or one driver with its settings."""
        if answer.lower() in (NONE, "no", "-", "0"):
            return []
        words = answer.replace(",", " ").split()
        if not all(word.isdecimal() for word in words):
            return [checked(parsed(answer)[1], promise)]
        wrong = [word for word in words if not 1 <= int(word) <= len(options)]
        if wrong:
            raise UsageError(f"there is no number {wrong[0]}")
        return [options[int(word) - 1][1] for word in dict.fromkeys(words)]

    def _completed(self, device: DeviceDraft) -> DeviceDraft:
        """Ask for the settings that the driver needs and nobody gave; one may be left open."""
        model = load_driver(device.driver).Settings
        for key in device.open_settings:

            def with_value(answer: str, key: str = key, device: DeviceDraft = device) -> DeviceDraft:
                if not answer:
                    return device
                return checked(replace(device, settings={**device.settings, key: typed(device.driver, key, answer)}), Driver, key)

            about = description_at(model, (key,)) or f"a setting of {device.driver}"
            device = self._asked(f"  {key}", "", f"{about}; may be filled in later", with_value)
        return device

    # --- one question

    def _text(self, question: str, usual: str, about: str, check: Callable[[str], str] = str) -> str:
        return self._asked(question, usual, about, check)

    def _asked(self, question: str, usual: str, about: str, understood: Callable[[str], T]) -> T:
        """Ask until the answer is understood."""
        self.say(f"  ({about})")
        while True:
            try:
                answer = self.ask(f"{question} [{usual}]: ").strip() or usual
                return understood(answer)
            except EOFError as error:
                raise UsageError("the input has ended before all questions were answered; nothing is written") from error
            except UsageError as error:
                self.say(f"  {error}")

    def _list(self, options: Iterable[tuple[str, DeviceDraft]]) -> None:
        for number, (title, device) in enumerate(options, 1):
            self.say(f"  {number:2}  {title}  ({device.driver})")


def _drivers_of(promise: type[Driver]) -> list[str]:
    names = []
    for name in driver_names():
        try:
            if issubclass(load_driver(name), promise):
                names.append(name)
        except ConfigError:  # one that cannot be imported is told by the search
            continue
    return names


def _summary(driver: str) -> str:
    return (load_driver(driver).__doc__ or "").strip().partition("\n")[0].rstrip(".")
