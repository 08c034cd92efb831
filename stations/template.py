"""The station file that `inspector station new` writes: valid, simulated, and to be edited."""

from __future__ import annotations

from stations.station_draft import checked_name

_TEMPLATE = """\
# An inspection station. It is valid as it stands and runs simulated; replace the drivers one by one with those of your devices.
# `inspector station check {name}.yaml` reports every mistake at once and opens each device.
# `inspector schema station` prints the schema for your editor's completion.
station: {name}
title: {{ en: "{name}", zh: "{name}" }}
maturity: draft                # commissioned and trusted need evidence, see stations/README.md
# owner: who answers for this station
deadline_ms: 400               # from the end of a part's window to its verdict; later than this the outcome is `review`

trigger:                       # what says "a part is in place"
  driver: simulated-trigger    # or timer: {{ interval_s: 0.5 }}
  settings: {{ seed: 1, interval_s: 0.5 }}

channels:                      # one entry a stream; any subset of image, audio, vibration, series
  camera:
    modality: image
    driver: simulated-camera   # or image-folder: {{ folder: pictures, interval_s: 0.5 }}, video-file: {{ file: line.mp4 }}
    settings: {{ seed: 1, interval_s: 0.5 }}
    scale_mm_per_px: 0.1       # leave out where it is not known
    max_sync_error_ms: 20      # a picture further from its trigger shows another part

  microphone:
    modality: audio
    driver: simulated-waveform # or audio-file: {{ file: line.wav }}
    settings: {{ seed: 1, interval_s: 0.5 }}
    unit: FS                   # full scale
    window: {{ pre_s: 0.9, post_s: 0.1 }}   # the span around the trigger that belongs to a part
    required: false            # true: a part without it is `review`, whatever the others say

  motor_current:
    modality: series
    driver: simulated-series   # or series-file: {{ file: log.csv, column: motor_current }}
    settings: {{ seed: 1, interval_s: 0.5 }}
    unit: A
    window: {{ pre_s: 2.0, post_s: 0.1 }}
    required: false

sinks:                         # who is told the outcome
  log: {{ driver: log-sink }}

# recording: {{}}                # what the devices send, in a ring on disk; the time around failed and reviewed parts is kept
# plc: {{ driver: modbus-plc }}   # a PLC that triggers and takes results (stations/PLC.md); the trigger's driver is `plc` then

machine:                       # what is known of the machine; diagnosis reads its spectra with it
  # shaft_hz: 24.5
  # bearing: {{ bpfo_per_rev: 3.585, bpfi_per_rev: 5.415, bsf_per_rev: 2.357, ftf_per_rev: 0.398 }}
  belt_direction_deg: 0        # direction of travel in the picture, 0 = along x
"""


def station_template(name: str) -> str:
    """Return the text of a new station file. Raises UsageError for a name that cannot be one."""
    return _TEMPLATE.format(name=checked_name(name))
