"""A line that is made up: whole inspections written to a store, as fast as asked, with no model and no hardware.

As a script it runs beside an open page:  python made_line.py HOME --parts 40 --interval 0.5
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inspector.home import Home
from inspector.parts import (
    Attribution,
    Cause,
    Channel,
    Defect,
    Diagnosis,
    Evidence,
    Frame,
    GoodPart,
    HeatMap,
    Inspection,
    ModelRef,
    Outcome,
    Parameter,
    PartRecord,
    Series,
    Suggestion,
    Text,
    Together,
    Trigger,
    Verdict,
    Waveform,
)
from inspector.remarks import remark
from inspector.store import Store

STATION = "demo-press"
CHANNELS = {
    "camera": Channel("camera", "image", scale_mm_per_px=0.1),
    "microphone": Channel("microphone", "audio", "FS"),
    "motor_vibration": Channel("motor_vibration", "vibration", "m/s2"),
    "motor_current": Channel("motor_current", "series", "A"),
    "belt_speed": Channel("belt_speed", "series", "m/s"),
    "press_force": Channel("press_force", "series", "kN"),
    "air_pressure": Channel("air_pressure", "series", "bar"),
    "motor_temp": Channel("motor_temp", "series", "degC"),
    "coolant_temp": Channel("coolant_temp", "series", "degC"),
}
SQUEAL = Attribution(
    "microphone",
    "audio",
    0.14,
    -0.7,
    0.0,
    (1700.0, 2100.0),
    Text("microphone 1.7–2.1 kHz at −0.70 … +0.00 s", "microphone 1.7–2.1 kHz，−0.70 … +0.00 s"),
)
OFTEN = Text("third time in 7 days: ask for maintenance", "7 天内第 3 次：请安排检修")
UNDECIDED = remark("score {score} lies between {low} and {high}: a person must look", score="0.55", low="0.42", high="0.7")
MODEL = ModelRef("demo-press", "1.0.0", "3f5c" * 16)


@dataclass(frozen=True)
class Fault:
    """One kind of trouble and how it is worded."""

    kind: str
    cause: str
    title: Text
    conclusion: Text
    evidence: tuple[Evidence, ...]
    fix: Suggestion


FAULTS = (
    Fault(
        "scratch",
        "belt_slip",
        Text("Belt slip", "皮带打滑"),
        Text(
            "Scratch along the belt, most likely from belt slip: the motor current ripples at 31.2 Hz with 0.84 A (normal 0.05–0.22 A) "
            "from 0.9 s before the part, and the belt speed dips at the same time.",
            "沿皮带方向的划痕，最可能由皮带打滑引起：零件前 0.9 s 起电机电流出现 31.2 Hz、0.84 A 的脉动"
            "（正常 0.05–0.22 A），同时皮带速度下降。",
        ),
        (
            Evidence("motor_current", "ripple", 0.84, 0.05, 0.22, "A", -0.9, 0.0, Text("Ripple at 31.2 Hz", "31.2 Hz 脉动"), 7.3),
            Evidence("belt_speed", "dip", -0.061, -0.02, 0.02, "m/s", -0.62, -0.18, Text("Dip of the belt speed", "皮带速度下降"), 2.1),
            Evidence(
                "microphone",
                "squeal",
                11.4,
                0.0,
                4.0,
                "dB",
                -0.7,
                0.0,
                Text("Squeal at 1.9 kHz above its surroundings", "1.9 kHz 啸叫高于背景"),
                3.7,
            ),
        ),
        Suggestion(
            "tension-belt",
            Text("Raise the belt tension and clean the drive pulley.", "提高皮带张紧力并清洁驱动轮。"),
            0.91,
            (Parameter("belt_tension", 0.5, "MPa", 0.45, 0.55),),
            15,
            14,
            ("case-017", "case-004", "case-031"),
        ),
    ),
    Fault(
        "chatter_mark",
        "bearing_wear",
        Text("Bearing wear", "轴承磨损"),
        Text(
            "Chatter marks, most likely from wear of the motor's bearing: the envelope of the vibration peaks at 87.8 Hz, the outer ring's "
            "frequency, 14.2 dB above its surroundings (normal below 6 dB).",
            "振纹，最可能由电机轴承磨损引起：振动包络在外圈特征频率 87.8 Hz 处高出背景 14.2 dB（正常低于 6 dB）。",
        ),
        (
            Evidence(
                "motor_vibration",
                "bpfo",
                14.2,
                0.0,
                6.0,
                "dB",
                -0.9,
                0.1,
                Text("Envelope peak at 87.8 Hz (outer ring)", "包络谱 87.8 Hz 峰（外圈）"),
                2.7,
            ),
            Evidence(
                "microphone", "high_band", -31.0, -52.0, -40.0, "dB", -0.9, 0.1, Text("More noise above 4 kHz", "4 kHz 以上噪声增大"), 2.5
            ),
        ),
        Suggestion(
            "grease-bearing",
            Text("Grease the drive-side bearing; plan its replacement.", "给驱动端轴承加注润滑脂，并计划更换。"),
            0.78,
            (Parameter("grease_amount", 12.0, "g", 8.0, 15.0),),
            9,
            6,
            ("case-022", "case-009"),
        ),
    ),
    Fault(
        "discoloration",
        "cooling_failure",
        Text("Cooling failure", "冷却失效"),
        Text(
            "Discoloration, most likely from failing cooling: the coolant has risen by 6.8 K within 50 s (normal within ±0.6 K).",
            "变色，最可能由冷却失效引起：冷却液 50 s 内上升 6.8 K（正常 ±0.6 K）。",
        ),
        (
            Evidence("coolant_temp", "rise", 6.8, -0.6, 0.6, "degC", -50.0, 0.0, Text("Rise within the window", "窗口内升温"), 10.3),
            Evidence("motor_temp", "rise", 3.1, -0.8, 0.8, "degC", -42.0, 0.0, Text("Rise within the window", "窗口内升温"), 2.9),
        ),
        Suggestion(
            "clean-filter",
            Text("Clean the coolant filter and check the flow.", "清洁冷却液滤网并检查流量。"),
            0.66,
            (Parameter("coolant_flow", 12.0, "l/min", 10.0, 14.0),),
            0,
            0,
            (),
        ),
    ),
)
NOTHING = Text("No cause was looked for: the part passed.", "零件合格，未分析原因。")


def inspection(
    number: int,
    *,
    fault: Fault | None = None,
    outcome: Outcome | None = None,
    part_id: str | None = None,
    station: str = STATION,
    wall_utc_ns: int | None = None,
    missing: tuple[str, ...] = (),
) -> Inspection:
    """Return the whole inspection of part `number`."""
    generator = np.random.default_rng(number)
    decided: Outcome = outcome or ("fail" if fault else "pass")
    record = _record(number, generator, fault, part_id or f"P-{number:06d}", station, wall_utc_ns, missing)
    verdict = _verdict(generator, fault, decided, dict.fromkeys(missing, remark("no samples in the part's window")))
    if decided == "pass":
        return Inspection(record, verdict, timings_ms={"align": 1.9, "features": 22.0, "judge": 31.5})
    return Inspection(
        record,
        verdict,
        _diagnosis(fault) if fault else Diagnosis((Cause("not_measured", 1.0, Text("Not measured", "未能测得")),), NOTHING),
        (fault.fix,) if fault else (),
        (HeatMap("camera", _heat(fault), "combined", 0.8 if fault.cause == "belt_slip" else 0.05, 0.3),) if fault else (),
        {"align": 1.9, "features": 23.1, "judge": 33.0, "localize": 210.0, "diagnose": 41.0, "suggest": 3.2},
        attributions=(SQUEAL,) if fault and fault.cause == "belt_slip" else (),
        good_parts=(GoodPart("camera", "P-000001", 1.2, _picture(generator, None)[::2, ::2]),) if fault else (),
        escalation=OFTEN if fault and fault.cause == "belt_slip" else None,
    )


def write(store: Store, number: int, *, every: int = 6, station: str = STATION) -> str:
    """Judge part `number` and keep it: every `every`-th fails, with one fault after the other."""
    fault = FAULTS[number // every % len(FAULTS)] if number % every == every - 1 else None
    outcome: Outcome | None = "review" if number % 17 == 16 else None
    missing = ("microphone",) if outcome == "review" else ()
    return store.add(inspection(number, fault=fault, outcome=outcome, missing=missing, station=station))


def beat(store: Store, station: str = STATION) -> None:
    """Say that the line is alive."""
    health = {name: {"state": "ok", "reason": "", "drops": 0, "age_ms": 40.0} for name in CHANNELS}
    store.beat(station, time.time_ns(), health)


def _record(
    number: int,
    generator: np.random.Generator,
    fault: Fault | None,
    part_id: str,
    station: str,
    wall_utc_ns: int | None,
    missing: tuple[str, ...],
) -> PartRecord:
    t_ns = number * 500_000_000
    cause = fault.cause if fault else ""
    waveforms = {
        "microphone": Waveform(t_ns - 900_000_000, 16000, _sound(generator, cause), "FS"),
        "motor_vibration": Waveform(t_ns - 900_000_000, 12800, _vibration(generator, cause), "m/s2"),
    }
    return PartRecord(
        Trigger(station, part_id, t_ns),
        CHANNELS,
        frames={"camera": Frame(t_ns, _picture(generator, fault))},
        waveforms={name: wave for name, wave in waveforms.items() if name not in missing},
        series=_series(t_ns, generator, cause),
        sync_error_ns={name: int(abs(generator.normal(0, 4e5))) for name in CHANNELS if name not in missing},
        degraded=dict.fromkeys(missing, remark("no samples in the part's window")),
        wall_utc_ns=wall_utc_ns or time.time_ns(),
    )


def _verdict(generator: np.random.Generator, fault: Fault | None, outcome: Outcome, degraded: dict[str, str]) -> Verdict:
    score = {"pass": 0.04, "fail": 0.96, "review": 0.55}[outcome] + float(generator.uniform(-0.03, 0.03))
    defects = (Defect(fault.kind, 0.93, "camera", _box(fault), 4120, 41.2),) if fault else ()
    weights = {"image": 0.52, "audio": 0.14, "vibration": 0.16, "series": 0.18}
    return Verdict(
        outcome,
        score,
        0.42,
        MODEL,
        defects,
        weights=weights,
        degraded=degraded,
        reasons=(UNDECIDED,) if outcome == "review" else (),
    )


def _diagnosis(fault: Fault) -> Diagnosis:
    other = next(item for item in FAULTS if item is not fault)
    against = (Evidence("motor_temp", "level", 41.0, 35.0, 48.0, "degC", -60.0, 0.0, Text("As always", "与平时相同")),)
    causes = (
        Cause(fault.cause, 0.86, fault.title, fault.evidence),
        Cause(other.cause, 0.09, other.title, (), against),
        Cause("not_measured", 0.05, Text("Not measured", "未能测得")),
    )
    together = (Together((fault.cause, other.cause), 0.4, fault.cause),) if fault.cause == "belt_slip" else ()
    return Diagnosis(
        causes, fault.conclusion, Text("Stop the belt and turn the pulley by hand.", "停机并用手转动皮带轮。"), together=together
    )


def _box(fault: Fault) -> tuple[int, int, int, int]:
    return {"scratch": (190, 208, 250, 44), "chatter_mark": (240, 130, 150, 190)}.get(fault.kind, (330, 230, 120, 110))


def _picture(generator: np.random.Generator, fault: Fault | None) -> NDArray[np.uint8]:
    height, width = 480, 640
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    brushed = np.cumsum(generator.normal(0, 1, (height, width)), axis=1)
    brushed = (brushed - brushed.mean(1, keepdims=True)) / brushed.std(1, keepdims=True) * 4 + generator.normal(0, 5, (height, 1))
    light = 26 * np.cos((x - 300) / 300) + 12 * np.cos((y - 220) / 260)
    shift = generator.integers(-6, 7, 2)
    plate = (np.abs(x - 320 - shift[0]) < 250) & (np.abs(y - 240 - shift[1]) < 180)
    holes = sum(((x - 320 - shift[0] - a) ** 2 + (y - 240 - shift[1] - b) ** 2 < 26**2) for a in (-200, 200) for b in (-132, 132))
    grey = np.where(plate & (holes == 0), 150 + brushed + light, 62 + 0.5 * light + generator.normal(0, 2, (height, width)))
    colour = np.stack([grey, grey, grey * 1.02], axis=-1)
    if fault is not None:
        left, top, box_width, box_height = _box(fault)
        spot = np.exp(-(((x - left - box_width / 2) / (box_width / 2.2)) ** 2 + ((y - top - box_height / 2) / (box_height / 2.2)) ** 2))
        if fault.kind == "scratch":
            line = (np.abs(y - (top + 20 + 0.05 * (x - left))) < 1.6) & (x > left + 8) & (x < left + box_width - 8)
            colour[line] += 70
        elif fault.kind == "chatter_mark":
            colour += (np.sin(x / 2.6) * 26 * spot)[..., None]
        else:
            colour += spot[..., None] * np.array([10.0, -22.0, -58.0])
    return np.clip(colour, 0, 255).astype(np.uint8)


def _heat(fault: Fault) -> NDArray[np.float32]:
    y, x = np.mgrid[0:480, 0:640].astype(np.float32)
    left, top, width, height = _box(fault)
    return np.exp(-(((x - left - width / 2) / (width / 1.9)) ** 2 + ((y - top - height / 2) / (height / 1.5)) ** 2) * 1.5).astype(
        np.float32
    )


def _sound(generator: np.random.Generator, cause: str) -> NDArray[np.float32]:
    t = np.arange(16000) / 16000
    hum = sum(0.02 / n * np.sin(2 * np.pi * 24.5 * 4 * n * t) for n in range(1, 7))
    sound = hum + generator.normal(0, 0.008, t.size)
    if cause == "belt_slip":
        sound += 0.06 * np.sin(2 * np.pi * 1900 * t + 3 * np.sin(2 * np.pi * 31 * t)) * (0.5 + 0.5 * np.sin(2 * np.pi * 31 * t)) * (t > 0.2)
    if cause == "bearing_wear":
        sound += np.diff(generator.normal(0, 0.02, t.size + 1))
    return sound.astype(np.float32)


def _vibration(generator: np.random.Generator, cause: str) -> NDArray[np.float32]:
    t = np.arange(12800) / 12800
    vibration = 0.5 * np.sin(2 * np.pi * 24.5 * t) + 0.2 * np.sin(2 * np.pi * 49 * t) + generator.normal(0, 0.25, t.size)
    if cause == "bearing_wear":
        since_hit = np.mod(t, 1 / 87.8)
        vibration += 4 * np.exp(-since_hit * 700) * np.sin(2 * np.pi * 3000 * since_hit)
    return vibration.astype(np.float32)


def _series(t_ns: int, generator: np.random.Generator, cause: str) -> dict[str, Series]:
    def made(
        rate_hz: float, before_s: float, level: float, noise: float, unit: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
        t_s = np.arange(-before_s, 0.1, 1 / rate_hz)
        return t_s, level + generator.normal(0, noise, t_s.size), unit

    signals = {
        "motor_current": made(200, 2, 6.2, 0.06, "A"),
        "belt_speed": made(50, 2, 0.52, 0.004, "m/s"),
        "press_force": made(200, 0.5, 18.0, 0.15, "kN"),
        "air_pressure": made(10, 60, 6.1, 0.02, "bar"),
        "motor_temp": made(2, 60, 41.0, 0.08, "degC"),
        "coolant_temp": made(2, 60, 24.0, 0.06, "degC"),
    }
    if cause == "belt_slip":
        t_s, current, _ = signals["motor_current"]
        current += np.where(t_s > -0.9, 0.84 * np.sin(2 * np.pi * 31.2 * t_s), 0)
        t_s, speed, _ = signals["belt_speed"]
        speed -= 0.06 * np.exp(-(((t_s + 0.4) / 0.15) ** 2))
    if cause == "cooling_failure":
        for name, rise in (("coolant_temp", 7.2), ("motor_temp", 3.3)):
            t_s, values, _ = signals[name]
            values += rise * (1 - np.exp(-np.clip(t_s + 50, 0, None) / 22))
    return {name: Series((t_ns + t_s * 1e9).astype(np.int64), values, unit) for name, (t_s, values, unit) in signals.items()}


def main() -> None:
    """Write parts to a home until told otherwise."""
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--parts", type=int, default=40)
    parser.add_argument("--interval", type=float, default=0.5, help="s from part to part of each station")
    parser.add_argument("--station", action="append", help="may be repeated: their parts come in turn")
    arguments = parser.parse_args()
    store = Store.open(Home.at(arguments.home))
    stations = arguments.station or [STATION]
    for number in range(arguments.first, arguments.first + arguments.parts):
        for station in stations:
            started = time.monotonic()
            write(store, number, station=station)
            beat(store, station=station)
            time.sleep(max(0.0, arguments.interval / len(stations) - (time.monotonic() - started)))


if __name__ == "__main__":
    main()
