"""Put the channels of a part on one clock and cut them to their windows. Here "why did the clocks not line up?" is answered."""

from inspector.align.clocks import DeviceClock
from inspector.align.windows import ON_TIME, align, on_station_clock, window_ns

__all__ = ["ON_TIME", "DeviceClock", "align", "on_station_clock", "window_ns"]
