"""What the tests of the microphone run in a process of its own, as PortAudio reads where sounds come from when it starts.

microphone_probe.py FILE: opens inputs as it is told line by line on its standard input, and answers each line with a line of JSON.
"""

import json
import sys
import time

import numpy as np

from inspector.errors import DriverError
from inspector.plugins import load_driver
from inspector.testing import check_driver

MICROPHONE = load_driver("microphone")


def record(seconds, file, unit="", **settings):
    """Record, and keep what came in `file`."""
    microphone = opened(unit, settings)
    blocks = []
    while not blocks or (blocks[-1][0].end_ns - blocks[0][0].start_ns) / 1e9 < seconds:
        block = microphone.read(0.5)
        if block is not None:
            blocks.append((block, microphone.arrived_ns))
            if len(blocks) == 1:
                print(json.dumps("listens"), flush=True)
    microphone.close()
    stamps = np.array([(block.start_ns, block.end_ns, arrived_ns) for block, arrived_ns in blocks])
    np.savez(file, samples=np.concatenate([block.samples for block, _ in blocks]), stamps=stamps)
    return {"rate_hz": blocks[0][0].sample_rate_hz, "unit": blocks[0][0].unit, "overflows": microphone.overflows}


def survive(**settings):
    """Read until the input is lost; say so, and when it is back."""
    microphone = opened("", settings)
    first(microphone)
    print(json.dumps("listens"), flush=True)
    last_s = time.monotonic()
    try:
        while True:
            if microphone.read(0.1) is not None:
                last_s = time.monotonic()
    except DriverError as error:
        print(json.dumps({"lost": str(error), "after_s": time.monotonic() - last_s}), flush=True)
    while True:
        began_s = time.monotonic()
        microphone.close()
        closing_s = time.monotonic() - began_s
        try:
            microphone.open()
            first(microphone)
            break
        except DriverError:
            time.sleep(0.2)
    microphone.close()
    return {"closing_s": closing_s}


def refused(**settings):
    try:
        opened("", settings).close()
    except DriverError as error:
        return str(error)
    return ""


def found():
    return [(found.title, found.settings) for found in MICROPHONE.discover()]


def checked(**settings):
    return check_driver(MICROPHONE, settings, unit="g")


def opened(unit, settings):
    microphone = MICROPHONE(MICROPHONE.Settings.model_validate(settings), channel="mic", unit=unit)
    microphone.open()
    return microphone


def first(microphone):
    while microphone.read(0.5) is None:
        pass


for line in sys.stdin:
    name, arguments = json.loads(line)
    print(json.dumps(globals()[name](**arguments)), flush=True)
