"""The vocabulary: what a part is, from its trigger to its inspection.

    Capture ─align─► PartRecord ─extract─► Features ─judge─► Verdict ─diagnose─► Diagnosis ─suggest─► Suggestion ─► Inspection

Frozen values with small properties and no behaviour; numpy is the only import. Instants are nanoseconds (`_ns`) on the station's
monotonic clock; spans are seconds (`_s`) relative to the part's trigger, negative before it.

Two maps run through all types. A *channel* is one named stream of a station ("camera", "spindle_temp"). Its *modality* is one of
four kinds of sense; several channels may share one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Modality = Literal["image", "audio", "vibration", "series"]
MODALITIES: tuple[Modality, ...] = ("image", "audio", "vibration", "series")
Outcome = Literal["pass", "fail", "review"]

OK_LABEL = "ok"
UNKNOWN_DEFECT = "unknown"
NOT_MEASURED = "not_measured"
"""The cause that no channel can see; always among the causes of a diagnosis."""


# --- signals, typed by shape and not by device ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture. `pixels` is (H, W) grey or (H, W, 3) RGB, uint8 or uint16; `t_ns` is mid-exposure."""

    t_ns: int
    pixels: NDArray[np.uint8] | NDArray[np.uint16]

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height)."""
        return int(self.pixels.shape[1]), int(self.pixels.shape[0])


@dataclass(frozen=True, slots=True)
class Waveform:
    """Evenly sampled float32 samples: sound, vibration, fast current. Sound is full scale ±1 (unit "FS")."""

    start_ns: int
    sample_rate_hz: float
    samples: NDArray[np.float32]
    unit: str

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate_hz

    @property
    def end_ns(self) -> int:
        """Instant just after the last sample."""
        return self.start_ns + round(len(self.samples) * 1e9 / self.sample_rate_hz)


@dataclass(frozen=True, slots=True)
class Series:
    """Slow values with their own time stamps: temperature, pressure, flow. NaN in `values` is a gap."""

    t_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    unit: str


Signal = Frame | Waveform | Series


@dataclass(frozen=True, slots=True)
class ClockFit:
    """How a device's clock runs against the station's: a straight line, good for one stretch without a reset or a step.

    `station = station_ns + (device - device_ns) * (1 + drift_ppm / 1e6) - latency_ns`
    """

    device_ns: int
    station_ns: int
    """When what the device stamped `device_ns` reached the station, at the least delay that was seen."""
    drift_ppm: float = 0.0
    latency_ns: int = 0
    """The constant part of the way from the event to the station, as `inspector station calibrate` measured it."""
    uncertainty_ns: int = 0
    """How far a stamp may lie off, as the spread of the stamps says; no statistics can see a wrong `latency_ns`."""
    epoch: int = 0
    """Counts resets and steps of the device's clock; stamps of two epochs say nothing of each other."""

    def station_time_ns(self, device_ns: int) -> int:
        """Return the instant on the station's clock of a device's stamp."""
        span_ns = device_ns - self.device_ns
        return self.station_ns + span_ns + round(span_ns * self.drift_ppm / 1e6) - self.latency_ns

    def device_time_ns(self, station_ns: int) -> int:
        """Return the device's stamp of an instant on the station's clock."""
        span_ns = station_ns + self.latency_ns - self.station_ns
        return self.device_ns + round(span_ns / (1 + self.drift_ppm / 1e6))


ON_TIME = ClockFit(0, 0)
"""The fit of a channel whose stamps are on the station's clock already."""


# --- one part, before it is judged ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trigger:
    """A part is in place."""

    station: str
    part_id: str
    t_ns: int


@dataclass(frozen=True, slots=True)
class Capture:
    """What was caught around one trigger, as it came: more than the window, each signal in its own clock's stamps.

    A channel that stands in `clocks` is stamped by its device, and the fit says how to read those stamps; all others are on the
    station's clock.
    """

    trigger: Trigger
    frames: Mapping[str, Frame] = field(default_factory=dict)
    waveforms: Mapping[str, Waveform] = field(default_factory=dict)
    series: Mapping[str, Series] = field(default_factory=dict)
    drops: Mapping[str, int] = field(default_factory=dict)
    """Blocks or frames that each channel lost since the previous part."""
    wall_utc_ns: int = 0
    """Wall time of the trigger, for people only: nothing is ordered by it."""
    clocks: Mapping[str, ClockFit] = field(default_factory=dict)
    arrivals: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    """(n, 2): stamp on the device's clock and arrival on the station's, of all that came since the previous part; what the fits were
    made from, so that they can be made again."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """Channel -> what its device suffered from when the part was cut, in words, e.g. that it was unplugged."""


@dataclass(frozen=True, slots=True)
class Channel:
    """What a station, or a labelled parts folder, says of one stream."""

    name: str
    modality: Modality
    unit: str = ""
    scale_mm_per_px: float | None = None


@dataclass(frozen=True, slots=True)
class PartRecord:
    """One part with all its channels on one clock, cut to their windows."""

    trigger: Trigger
    channels: Mapping[str, Channel]
    """Every channel that the station has, whether present here or not."""
    frames: Mapping[str, Frame] = field(default_factory=dict)
    waveforms: Mapping[str, Waveform] = field(default_factory=dict)
    series: Mapping[str, Series] = field(default_factory=dict)
    sync_error_ns: Mapping[str, int] = field(default_factory=dict)
    degraded: Mapping[str, str] = field(default_factory=dict)
    """Channel -> why it is missing, stale or out of step, in words."""
    drops: Mapping[str, int] = field(default_factory=dict)
    wall_utc_ns: int = 0

    @property
    def present(self) -> frozenset[str]:
        return frozenset(self.frames) | frozenset(self.waveforms) | frozenset(self.series)

    @property
    def modalities(self) -> frozenset[Modality]:
        return frozenset(self.channels[name].modality for name in self.present)


@dataclass(frozen=True, slots=True)
class PartTruth:
    """What is really so of one part: known to a simulation, or labelled by people."""

    label: str = OK_LABEL
    """`ok` or the kind of defect."""
    cause: str | None = None
    """None where nobody said; "none" where there is no process cause."""
    severity: float = 0.0
    mask: NDArray[np.uint8] | None = None
    """(H, W), 255 on the defect, the size of the picture."""


# --- what is concluded ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """The same words in both languages of the product."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Mask:
    """Which pixels of a picture belong to a region, as run lengths (the uncompressed form of COCO, which its tools read)."""

    size_px: tuple[int, int]
    """(width, height) of the picture."""
    runs: tuple[int, ...]
    """Lengths of outside, inside, outside … down the columns, from the left to the right; the first may be 0."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One defective region, or (box None) a defect that no picture shows."""

    kind: str
    confidence: float
    camera: str | None = None
    box_px: tuple[int, int, int, int] | None = None
    """(x, y, width, height)."""
    area_px: int | None = None
    area_mm2: float | None = None
    mask: Mask | None = None
    severity: float | None = None
    """0 to 1: how sure the map is of the region, times how large it is beside a usual defect of this line (which counts half)."""


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Where in a picture the decision came from: `values` float32 in 0–1, the size of the picture it lies on."""

    camera: str
    values: NDArray[np.float32]
    method: str
    faithfulness: float | None = None
    """-1 to 1: how much more the decision falls when the hottest places are painted over than when as many others are."""
    faithful_from: float = 0.0
    """The least faithfulness with which the model that drew the map trusts it."""

    @property
    def reliable(self) -> bool | None:
        """Whether the decision really came from where the map is hot; None where nobody measured it."""
        return None if self.faithfulness is None else self.faithfulness >= self.faithful_from


@dataclass(frozen=True, slots=True)
class Attribution:
    """What of a sound, a vibration or a series drove the decision: the channel, the band, the span."""

    channel: str
    modality: Modality
    share: float
    """Of the whole decision, 0 to 1."""
    start_s: float
    end_s: float
    band_hz: tuple[float, float] | None
    """None where the channel has no spectrum, or its level or course says it rather than a band."""
    text: Text


@dataclass(frozen=True, slots=True)
class GoodPart:
    """The remembered good part that looks most like the one at hand, to lay beside it."""

    camera: str
    part_id: str
    distance: float
    """0: the same to the eye of the network; 1: as far as good parts usually lie from each other."""
    pixels: NDArray[np.uint8]
    """(h, w, 3) RGB, a thumbnail."""


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which artefact judged."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the fusion model says of one part."""

    outcome: Outcome
    score: float
    """Calibrated probability that the part is defective."""
    threshold: float
    model: ModelRef
    defects: tuple[Defect, ...] = ()
    kind_probabilities: Mapping[str, float] = field(default_factory=dict)
    cause_probabilities: Mapping[str, float] = field(default_factory=dict)
    """The network's own opinion on the cause: one more witness for the diagnosis."""
    weights: Mapping[Modality, float] = field(default_factory=dict)
    """Share of each modality in this verdict; sums to 1 over those present."""
    quality: Mapping[str, float] = field(default_factory=dict)
    """0 (worthless) to 1 (as good as this channel gets), per present channel."""
    degraded: Mapping[str, str] = field(default_factory=dict)
    """Channel -> why it is missing or cannot be trusted: what `align` found and what its quality says."""
    reasons: tuple[str, ...] = ()
    """Why the outcome is `review`, where the score alone does not say it."""
    score_interval: tuple[float, float] | None = None
    """Between what ends the probability lies, nine times in ten; wider where the model's members disagree, few parts calibrated it, or a
    sense is missing or bad."""

    @property
    def complete(self) -> bool:
        return not self.degraded

    @property
    def uncertainty(self) -> float | None:
        """Width of `score_interval`: 0 sure, 1 nothing is known."""
        return None if self.score_interval is None else self.score_interval[1] - self.score_interval[0]


@dataclass(frozen=True, slots=True)
class Decision:
    """What the plant is told of one part."""

    part_id: str
    outcome: Outcome
    score: float
    kind: str | None = None
    """The first defect's kind, where there is one."""
    inspected: bool = True
    """False where nothing judged the part: too late, a fault, no picture; the outcome is `review` then."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One measured fact that speaks for or against a cause; every number can be checked against the recording."""

    channel: str
    kind: str
    measured: float
    expected_low: float | None
    expected_high: float | None
    unit: str
    start_s: float
    end_s: float
    text: Text
    strength: float = 0.0
    """How far outside the expected range, in multiples of its half width; 0 inside."""
    beyond_share: float | None = None
    """Which share of what is normal here lies at least as far out; None where the expectation is a limit of physics."""
    at_hz: float | None = None
    """Where in the spectrum the line or band was found; None where the quantity has no frequency."""
    rule: str = ""
    """Which line of the catalogue makes it speak of the cause, e.g. `belt_slip.symptoms.0`; empty where none does."""
    likelihood_ratio: float | None = None
    """How many times likelier it is with the cause than without any; below 1 it speaks against."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One possible cause with its probability and what was measured for and against it."""

    name: str
    probability: float
    title: Text
    evidence: tuple[Evidence, ...] = ()
    against: tuple[Evidence, ...] = ()
    looked_for: Mapping[str, float] = field(default_factory=dict)
    """Each symptom that could be looked for -> how clearly it was seen (0 to 1): what is learnt from, once a person confirms the cause."""


@dataclass(frozen=True, slots=True)
class Together:
    """Two causes and the chance that both are active at once."""

    causes: tuple[str, str]
    probability: float
    leads: str | None = None
    """The one of the two that can have brought the other about."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Causes, most probable first; `NOT_MEASURED` is always one of them.

    A probability says how likely a cause is active. Several may be at once, so they can sum to more than 1; that of `NOT_MEASURED` is
    the chance that none of the others is.
    """

    causes: tuple[Cause, ...]
    conclusion: Text
    """One sentence for the operator."""
    next_test: Text | None = None
    """The check that tells most per minute about which of the first two causes it is."""
    report: Text | None = None
    """The same for the engineer: what speaks for it, what against, what else it may be."""
    together: tuple[Together, ...] = ()
    """Pairs of causes that are likely active at once, most probable first."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One setting of a fix, with the station's safe limits where they are known."""

    name: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Worked:
    """The settings with which a fix helped lately: the middle eight tenths of them."""

    name: str
    unit: str
    low: float
    high: float
    successes: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One fix, ranked by how likely it helps here."""

    fix_id: str
    action: Text
    score: float
    parameters: tuple[Parameter, ...] = ()
    tried: int = 0
    helped: int = 0
    cases: tuple[str, ...] = ()
    """Ids of the past cases behind it, most similar first."""
    original: str | None = None
    """The imported case's own words, where the fix was never written in the product's languages."""
    chance: float | None = None
    """That it helps here: the mean of the posterior."""
    chance_interval: tuple[float, float] | None = None
    """Between what ends that chance lies, nine times in ten."""
    worked: tuple[Worked, ...] = ()
    """Ranges of the parameters in what helped."""
    minutes: float | None = None
    cost: float | None = None
    warning: Text | None = None
    """That it mostly failed here."""


@dataclass(frozen=True, slots=True)
class Fix:
    """Something that can be done about a cause."""

    fix_id: str
    action: Text
    causes: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    minutes: float | None = None
    cost: float | None = None
    station: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """Something that was done once, and whether it helped (None: not known)."""

    case_id: str
    symptom: str = ""
    action: str = ""
    fix_id: str | None = None
    defect: str | None = None
    cause: str | None = None
    station: str | None = None
    product: str | None = None
    helped: bool | None = None
    parameters: tuple[Parameter, ...] = ()
    minutes: float | None = None
    cost: float | None = None
    who: str | None = None
    when: str | None = None
    """ISO 8601, UTC."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """One inspected part, whole."""

    record: PartRecord
    verdict: Verdict
    diagnosis: Diagnosis | None = None
    suggestions: tuple[Suggestion, ...] = ()
    heat_maps: tuple[HeatMap, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)
    attributions: tuple[Attribution, ...] = ()
    """What drove the decision in what was heard and measured; the largest share first."""
    good_parts: tuple[GoodPart, ...] = ()
    escalation: Text | None = None
    """What to say when this cause keeps coming back at this station: one more fix will not do."""
    looks: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """Channel -> what it looked or sounded like, as a vector: parts that were alike lie near each other. None for a part that passed."""

    @property
    def part_id(self) -> str:
        return self.record.trigger.part_id

    @property
    def station(self) -> str:
        return self.record.trigger.station
