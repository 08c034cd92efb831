"""Aravis's own simulated GigE Vision camera as a process, until its standard input ends.

fake_gige_camera.py SERIAL LOST_RATIO TICK_HZ
"""

import sys
import threading

from stations.protocols.aravis import aravis

TICK_FREQUENCY_LOW = 0x0940  # bootstrap register of GigE Vision

serial, lost_ratio, tick_hz = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
camera = aravis("fake camera").GvFakeCamera.new("127.0.0.1", serial)
camera.set_property("gvsp-lost-ratio", lost_ratio)
camera.get_fake_camera().write_register(TICK_FREQUENCY_LOW, tick_hz)
print("running" if camera.is_running() else "the port is in use", flush=True)
watch = threading.Thread(target=sys.stdin.read)
watch.start()
watch.join()
