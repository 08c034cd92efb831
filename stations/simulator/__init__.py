"""A digital twin of a small press line: conveyor, drive motor on rolling bearings, press, cooling loop, air supply.

Faults have physics and known truth, and speak in every channel in which they would. The same settings give the same world:

    line = Line(LineSettings(seed=7, parts=100))
    capture, truth = line.capture(12), line.truth(12)

`stations.drivers.simulated` delivers the same samples block by block, as a station reads them.
"""

from stations.simulator.fate import Fate
from stations.simulator.line import CAMERA, STREAMS, WAVEFORMS, Line
from stations.simulator.scenario import CAUSE_LIMIT, CAUSES, Fault, LineSettings
from stations.simulator.surface import SCALE_MM_PER_PX

__all__ = ["CAMERA", "CAUSES", "CAUSE_LIMIT", "SCALE_MM_PER_PX", "STREAMS", "WAVEFORMS", "Fate", "Fault", "Line", "LineSettings"]
