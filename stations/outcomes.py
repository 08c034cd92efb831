"""Who was told what: one decision a part, the first one counts, and every sink is told on a thread of its own.

A sink is a guest that may be slow, fail or hang, and none of that may hold up the judge or the other sinks. What it could not be told
within `STALE_S` it is not told at all: a verdict that comes late would meet another part.
"""

from __future__ import annotations

import heapq
import logging
import queue
import threading
import time
from typing import Any

from inspector.drivers import VerdictSink
from inspector.parts import Decision, Outcome, Trigger, Verdict

log = logging.getLogger(__name__)

UNKNOWN_SCORE = 0.5
"""Score of a part that was not judged: as likely good as bad."""
STALE_S = 1.0
SENDER_QUEUE = 64
END_S = 2.0
IDLE_S = 1.0
"""How long the deadline watch sleeps at most with nothing due."""


def decided(trigger: Trigger, verdict: Verdict) -> Decision:
    """Return what the plant is told of a judged part."""
    kind = verdict.defects[0].kind if verdict.defects else None
    return Decision(trigger.part_id, verdict.outcome, verdict.score, kind)


def not_inspected(trigger: Trigger) -> Decision:
    """Return what the plant is told of a part that has no verdict."""
    return Decision(trigger.part_id, "review", UNKNOWN_SCORE, inspected=False)


class Outcomes:
    """The decisions of one station.

    Args:
        sinks: who is told, by name.
        threaded: tell each sink on a thread of its own; a stepped line, on which nobody waits, tells them in turn.
    """

    def __init__(self, sinks: dict[str, VerdictSink], *, threaded: bool) -> None:
        self._senders = {name: Sender(name, sink, threaded=threaded) for name, sink in sinks.items()}
        self._changed = threading.Condition()
        self._due: list[tuple[int, str, Trigger]] = []
        self._expected: set[Trigger] = set()
        self._outcome_of: dict[Trigger, Outcome] = {}

    def open(self) -> None:
        """Open the sinks. Raises DriverError: a line that cannot tell the plant must not start."""
        for sender in self._senders.values():
            sender.open()

    def close(self) -> None:
        """Tell the sinks what still waits, and close them."""
        for sender in self._senders.values():
            sender.close()

    @property
    def untold(self) -> dict[str, int]:
        """Sink -> how many decisions it could not be told."""
        return {name: sender.untold for name, sender in self._senders.items()}

    def health(self) -> dict[str, dict[str, Any]]:
        """Return "sink NAME" -> {"state": ok | missing, "reason"}, to stand beside the channels, whose names sinks may share."""
        return {f"sink {name}": sender.health() for name, sender in self._senders.items()}

    def expect(self, trigger: Trigger, due_ns: int) -> None:
        """Note until when a part must have its outcome; said twice it changes nothing."""
        with self._changed:
            if trigger not in self._expected:
                self._expected.add(trigger)
                heapq.heappush(self._due, (due_ns, trigger.part_id, trigger))
                self._changed.notify_all()

    def overdue(self, now_ns: int) -> list[Trigger]:
        """Return the parts whose deadline has passed and which have no outcome."""
        late = []
        with self._changed:
            while self._due and self._due[0][0] <= now_ns:
                trigger = heapq.heappop(self._due)[2]
                if trigger not in self._outcome_of:
                    late.append(trigger)
        return late

    def wait(self, now_ns: int) -> None:
        """Sleep until the next deadline, or until a part is expected."""
        with self._changed:
            self._changed.wait((self._due[0][0] - now_ns) / 1e9 if self._due else IDLE_S)

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def is_told(self, trigger: Trigger) -> bool:
        with self._changed:
            return trigger in self._outcome_of

    def tell(self, trigger: Trigger, decision: Decision) -> bool:
        """Send a decision to all sinks unless the part has one; say whether it was sent."""
        with self._changed:
            if trigger in self._outcome_of:
                return False
            self._outcome_of[trigger] = decision.outcome
        for sender in self._senders.values():
            sender.send(decision)
        return True

    def forget(self, trigger: Trigger) -> Outcome | None:
        """Return what was told of a part that is done with."""
        with self._changed:
            self._expected.discard(trigger)
            self._due = [due for due in self._due if due[2] != trigger]
            heapq.heapify(self._due)
            return self._outcome_of.pop(trigger, None)


class Sender:
    """One sink and the thread that tells it."""

    def __init__(self, name: str, sink: VerdictSink, *, threaded: bool) -> None:
        self._sink = sink
        self._faults = Faults(name)
        self._name = name
        self._waiting: queue.Queue[tuple[float, Decision] | None] = queue.Queue(SENDER_QUEUE)
        self._thread = threading.Thread(target=self._tell_all, name=f"sink {name}", daemon=True) if threaded else None
        self.untold = 0

    def open(self) -> None:
        self._sink.open()
        if self._thread is not None:
            self._thread.start()

    def close(self) -> None:
        if self._thread is not None and self._thread.ident is not None:
            try:
                self._waiting.put(None, timeout=END_S)
            except queue.Full:
                log.error("%s: hangs: it is left behind with what it was not told", self._name)
                return
            self._thread.join(END_S)
            if self._thread.is_alive():
                return  # closing a sink that hangs would hang, too
        self._sink.close()

    def send(self, decision: Decision) -> None:
        if self._thread is None:
            self._tell(decision)
            return
        try:
            self._waiting.put_nowait((time.monotonic(), decision))
        except queue.Full:
            self._lose(TimeoutError(f"takes no decision any more, {SENDER_QUEUE} wait"))

    def health(self) -> dict[str, Any]:
        reason = self._faults.reason
        return {"state": "ok" if reason is None else "missing", "reason": reason or ""}

    def _tell_all(self) -> None:
        while (item := self._waiting.get()) is not None:
            since_s, decision = item
            waited_s = time.monotonic() - since_s
            if waited_s > STALE_S:
                self._lose(TimeoutError(f"too slow: a decision waited {waited_s:.1f} s and was not sent"))
            else:
                self._tell(decision)

    def _tell(self, decision: Decision) -> None:
        try:
            self._sink.send(decision)
            self._faults.well()
        except Exception as error:  # noqa: BLE001  a sink is a guest: one that fails must not keep the others from being told
            self._lose(error)

    def _lose(self, error: Exception) -> None:
        self.untold += 1
        self._faults.failed(error)


class Faults:
    """Logs once when something begins to fail, and once when it is well again."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.reason: str | None = None
        """What fails at present."""

    def failed(self, error: Exception) -> None:
        words = f"{type(error).__name__}: {error}"
        if self.reason is None:
            log.error("%s: failed: %s", self._name, words)
        self.reason = words

    def well(self) -> None:
        if self.reason is not None:
            log.warning("%s: works again", self._name)
        self.reason = None
