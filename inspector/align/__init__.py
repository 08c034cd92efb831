"""Put the channels of a part on one clock and cut them to their windows. Here "why did the clocks not line up?" is answered."""

from inspector.align.clocks import DeviceClock
from inspector.align.realign import realigned
from inspector.align.windows import align, window_ns

__all__ = ["DeviceClock", "align", "realigned", "window_ns"]
