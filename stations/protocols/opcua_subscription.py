"""What an OPC UA server reports of the nodes that are followed.

A publish response says more than the changes it holds: what it does not mention is unchanged, as of its `PublishTime`. The server is asked
to send one every interval (a keep-alive count of 1), so each node is known to be alive, and a constant value has a fresh stamp, without a
single read.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from inspector.clock import Clock
from inspector.errors import DriverError
from stations.protocols.opcua_security import SESSION_MS
from stations.protocols.sharing import Inbox

if TYPE_CHECKING:
    from asyncua import ua
    from asyncua.client.client import Client

SILENT_S = 2.0
"""A subscription of which nothing was heard for so long, and for three of its intervals, is lost."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of a node; `t_ns` on the server's clock. `is_good` is False where the server itself does not vouch for it."""

    t_ns: int
    value: Any
    is_good: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What one publish response says of a node: its changes, oldest first; none where it is as it was."""

    readings: tuple[Reading, ...]
    published_ns: int
    """On the server's clock."""
    arrived_ns: int
    """On the station's."""


class Feed(Inbox[Report]):
    """The reports of one node."""

    def __init__(self, clock: Clock, queue_size: int) -> None:
        super().__init__()
        self.clock = clock
        self.queue_size = queue_size
        """Changes within one interval that the server keeps."""
        self.sampling_ms = 0.0
        """How often the server looks at the node, as it says."""
        self.subscription: Subscription | None = None

    def take(self, timeout_s: float, channel: str) -> Report | None:
        report = super().take(timeout_s, channel)
        silent_s = self.subscription.silent_s() if self.subscription is not None else 0.0
        if report is None and silent_s > 0:
            raise DriverError(f"the server sent nothing for {silent_s:.1f} s, check the server", channel=channel)
        return report


class Subscription:
    """All nodes of a session that are wanted at one interval."""

    def __init__(self, client: Client, interval_ms: float) -> None:
        self._session = client.uaclient.session
        self._interval_ms = interval_ms
        self._id = 0
        self._handles = count(1)
        self._feeds: dict[int, Feed] = {}
        self._items: dict[Feed, tuple[int, int]] = {}
        self._heard_s = time.monotonic()
        self._patience_s = SILENT_S
        self._published_ns: int | None = None
        self.is_over = False

    async def begin(self) -> None:
        from asyncua import ua

        parameters = ua.CreateSubscriptionParameters()
        parameters.RequestedPublishingInterval = self._interval_ms
        parameters.RequestedMaxKeepAliveCount = 1
        parameters.RequestedLifetimeCount = max(3, math.ceil(SESSION_MS / self._interval_ms))
        result = await self._session.create_subscription(parameters, self.hear)
        self._id = result.SubscriptionId
        self._interval_ms = result.RevisedPublishingInterval
        self._patience_s = max(SILENT_S, 3e-3 * self._interval_ms * result.RevisedMaxKeepAliveCount)

    async def add(self, node: ua.NodeId, feed: Feed) -> None:
        from asyncua import ua
        from asyncua.ua.attribute_ids import AttributeIds

        handle = next(self._handles)
        wanted = ua.MonitoredItemCreateRequest()
        wanted.ItemToMonitor.NodeId = node
        wanted.ItemToMonitor.AttributeId = AttributeIds.Value
        wanted.MonitoringMode = ua.MonitoringMode.Reporting
        wanted.RequestedParameters.ClientHandle = handle
        wanted.RequestedParameters.SamplingInterval = self._interval_ms
        wanted.RequestedParameters.QueueSize = feed.queue_size
        parameters = ua.CreateMonitoredItemsParameters()
        parameters.SubscriptionId = self._id
        parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        parameters.ItemsToCreate = [wanted]
        self._feeds[handle] = feed  # its first value may come before the answer
        try:
            result = (await self._session.create_monitored_items(parameters))[0]
            result.StatusCode.check()
        except BaseException:
            self._feeds.pop(handle, None)
            raise
        feed.sampling_ms = result.RevisedSamplingInterval
        self._items[feed] = (handle, result.MonitoredItemId)

    async def remove(self, feed: Feed) -> None:
        from asyncua import ua

        handle, item = self._items.pop(feed, (0, 0))
        self._feeds.pop(handle, None)
        if self.is_over or not handle:
            return
        if self._feeds:
            await self._session.delete_monitored_items(ua.DeleteMonitoredItemsParameters(SubscriptionId=self._id, MonitoredItemIds=[item]))
        else:
            self.is_over = True
            await self._session.delete_subscriptions([self._id])

    def fail(self, reason: str) -> None:
        self.is_over = True
        for feed in self._feeds.values():
            feed.fail(reason)

    def silent_s(self) -> float:
        """Return how long nothing was heard; 0 while that is within what was agreed."""
        silent_s = time.monotonic() - self._heard_s
        return silent_s if silent_s > self._patience_s else 0.0

    def hear(self, result: ua.PublishResult) -> None:
        from asyncua import ua

        self._heard_s = time.monotonic()
        message = result.NotificationMessage
        published_ns = _ns(message.PublishTime)
        changes: dict[int, list[Reading]] = {}
        for note in message.NotificationData or ():
            if isinstance(note, ua.DataChangeNotification):
                for item in note.MonitoredItems:
                    feed = self._feeds.get(item.ClientHandle)
                    if feed is not None:
                        changes.setdefault(item.ClientHandle, []).append(self._reading(item.Value, feed, published_ns))
            elif isinstance(note, ua.StatusChangeNotification):
                self.fail(f"the server ended the subscription ({note.Status.name}), check the server")
        self._published_ns = published_ns
        for handle, feed in self._feeds.items():
            if handle in changes or not result.MoreNotifications:
                feed.put(Report(tuple(changes.get(handle, ())), published_ns, feed.clock.now_ns()))

    def _reading(self, value: ua.DataValue, feed: Feed, published_ns: int) -> Reading:
        """Stamp a change with its source's time, else its server's, else that of the report.

        A stamp must lie where a change that was not reported before can lie. A value that is older is the first one, seen before it
        changes; one that lies elsewhere comes from a source with a clock of its own, and two clocks must not be mixed.
        """
        reach_ns = round(2e6 * max(self._interval_ms, feed.sampling_ms))
        since_ns = (published_ns if self._published_ns is None else min(self._published_ns, published_ns)) - reach_ns
        stamps = [_ns(stamp) for stamp in (value.SourceTimestamp, value.ServerTimestamp) if stamp is not None]
        t_ns = next((stamp for stamp in stamps if since_ns <= stamp <= published_ns + reach_ns), published_ns)
        is_good = value.StatusCode is None or value.StatusCode.is_good()
        return Reading(t_ns, None if value.Value is None else value.Value.Value, is_good)


def _ns(stamp: datetime) -> int:
    return (stamp - _EPOCH) // _MICROSECOND * 1000
