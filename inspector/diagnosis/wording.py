"""Findings and causes in words, English and Chinese, from templates: no number is written that was not measured."""

from __future__ import annotations

import math
import re
from functools import cache

from inspector.config import MachineConfig
from inspector.diagnosis.catalogue import Catalogue
from inspector.diagnosis.findings import Finding
from inspector.diagnosis.measurements import Measurement
from inspector.diagnosis.spectra.bands import OCTAVES_HZ
from inspector.diagnosis.witnesses import Witness
from inspector.parts import Defect, Evidence, Text

_KINDS: dict[str, tuple[str, str]] = {
    "loudness": ("loudness", "响度"),
    "loudness_step": ("step of the loudness", "响度阶跃"),
    "kurtosis": ("kurtosis", "峭度"),
    "crest": ("crest factor", "波峰因数"),
    "flatness_hiss": ("flatness of the 3 to 7 kHz band", "3 至 7 kHz 频带平坦度"),
    "centroid": ("spectral centroid", "频谱质心"),
    "squeal": ("squeal", "尖叫声"),
    "shaft_1x": ("line at the shaft speed (1x)", "转频谱线 (1x)"),
    "shaft_2x": ("line at twice the shaft speed (2x)", "二倍转频谱线 (2x)"),
    "shaft_3x": ("line at three times the shaft speed (3x)", "三倍转频谱线 (3x)"),
    "shaft_1x_line": ("line at the shaft speed (1x)", "转频谱线 (1x)"),
    "shaft_4x_up": ("harmonics of the shaft from the 4th to the 10th", "转频 4 至 10 次谐波"),
    "shaft_2x_to_1x": ("ratio of 2x to 1x", "2x 与 1x 之比"),
    "low_line": ("strongest line below 120 Hz", "120 Hz 以下最强谱线"),
    "low_line_amplitude": ("strongest line below 120 Hz", "120 Hz 以下最强谱线"),
    "modulation": ("stick-slip modulation", "粘滑调制"),
    "modulation_line": ("line of the stick-slip modulation", "粘滑调制谱线"),
    "impacts": ("impacts", "冲击"),
    "spectral_kurtosis": ("spectral kurtosis", "谱峭度"),
    "envelope_line": ("strongest line of the envelope", "包络谱最强谱线"),
    "envelope_bpfo": ("envelope line of the outer race (BPFO)", "外圈包络谱线 (BPFO)"),
    "envelope_bpfi": ("envelope line of the inner race (BPFI)", "内圈包络谱线 (BPFI)"),
    "envelope_bsf": ("envelope line of the rolling elements (BSF)", "滚动体包络谱线 (BSF)"),
    "envelope_ftf": ("envelope line of the cage (FTF)", "保持架包络谱线 (FTF)"),
    "shaft_speed": ("shaft speed seen in the signal", "信号中的转速"),
    "shaft_speed_line": ("harmonics of the shaft speed", "转频谐波"),
    "shaft_deviation": ("shaft speed against the declared one", "转速与标称值之差"),
    "gear_mesh": ("line of the gear mesh", "齿轮啮合谱线"),
    "gear_mesh_line": ("line of the gear mesh", "齿轮啮合谱线"),
    "gear_sidebands": ("sidebands of the gear mesh against it", "齿轮啮合边带与啮合谱线之比"),
    "blade_pass": ("line of the blade pass", "叶片通过谱线"),
    "blade_pass_line": ("line of the blade pass", "叶片通过谱线"),
    "belt_pass": ("line of the belt pass", "皮带通过谱线"),
    "belt_pass_line": ("line of the belt pass", "皮带通过谱线"),
    "impacts_per_turn": ("impacts per turn of the shaft", "每转冲击数"),
    "repeated_impacts": ("spectral kurtosis without the loudest moment", "剔除最响时刻后的谱峭度"),
    "outer_race": ("margin of damage to the outer race", "外圈损伤裕度"),
    "inner_race": ("margin of damage to the inner race", "内圈损伤裕度"),
    "rolling_element": ("margin of damage to a rolling element", "滚动体损伤裕度"),
    "geometry_deviation": ("regular impacts against the nearest rate of the declared bearing", "规则冲击与所标轴承最近特征频率之差"),
    "duration": ("length of the signal", "信号时长"),
    "missing_samples": ("missing samples", "缺失采样"),
    "clipped_samples": ("clipped samples", "削波采样"),
    "level": ("reading", "读数"),
    "mean": ("mean", "平均值"),
    "trough": ("minimum", "最小值"),
    "peak": ("maximum", "最大值"),
    "dip": ("dip", "下陷"),
    "dip_share": ("dip", "下陷"),
    "surge": ("surge", "突升"),
    "spread": ("spread", "波动范围"),
    "slope": ("slope", "变化率"),
    "slope_lately": ("slope lately", "近期变化率"),
    "lately": ("change lately", "近期变化"),
    "change": ("change over the window", "窗口内变化"),
    "step": ("step", "阶跃"),
    "onset": ("left its course", "偏离原走势的时刻"),
    "onset_lag": ("left its course after the first channel", "相对首个变化通道的滞后"),
    "lag": ("lag behind the load", "相对负荷的滞后"),
    "jump": ("jump", "跳变"),
    "bend": ("change of slope", "变化率突变"),
    "time_constant": ("time constant", "时间常数"),
    "settles_at": ("value that it settles at", "趋稳值"),
    "gap": ("longest time without a reading", "最长无读数时间"),
    "still": ("time without any change", "读数不变时间"),
    "unusable": ("readings that are no number", "无效读数占比"),
    "disorder": ("readings out of order", "乱序读数占比"),
    "long_change": ("change over many parts", "多件工件间的变化"),
    "long_excursion": ("deviation from what it was before", "相对以往的偏差"),
    "long_onset": ("left its long-term course", "偏离长期走势的时刻"),
    "long_onset_lag": ("left its long-term course after the first channel", "长期走势相对首个变化通道的滞后"),
    "long_lag": ("long-term lag behind the load", "长期相对负荷的滞后"),
    "long_jump": ("jump in its long-term course", "长期走势跳变"),
    "long_bend": ("change of its long-term slope", "长期变化率突变"),
    "long_time_constant": ("long-term time constant", "长期时间常数"),
    "long_settles_at": ("value that it settles at in the long term", "长期趋稳值"),
    "ripple": ("ripple", "纹波"),
    "ripple_line": ("ripple", "纹波"),
    "brightness": ("brightness", "亮度"),
    "contrast": ("contrast", "对比度"),
    "dark": ("dark pixels", "暗像素占比"),
    "glare": ("overexposed pixels", "过曝像素占比"),
    "sharpness": ("sharpness", "清晰度"),
    "light_slope": ("fall of the light across the picture", "画面光照倾斜"),
    "shading": ("unevenness of the light", "光照不均匀度"),
    "darkest_spot": ("darkest spot against its surroundings", "最暗斑相对周围"),
    "quality": ("signal quality", "信号质量"),
}
_FAMILIES: dict[str, tuple[str, str]] = {
    "band": ("level of the {en} band", "{zh}频带声级"),
    "share": ("share of the {en} band", "{zh}频带占比"),
    "floor": ("lasting level of the {en} band", "{zh}频带持续声级"),
    "swing": ("swing of the envelope at the rate of the {en}", "{zh}频率处包络起伏"),
    "harmonics": ("harmonics in a row of the {en}", "{zh}连续谐波数"),
    "sidebands": ("sidebands of the {en}", "{zh}边带"),
}
_BANDS: dict[str, tuple[str, str]] = {
    "rumble": ("rumble (15 to 120 Hz)", "低频隆隆声（15 至 120 Hz）"),
    "low": ("low (120 to 500 Hz)", "低频（120 至 500 Hz）"),
    "mid": ("mid (500 to 2000 Hz)", "中频（500 至 2000 Hz）"),
    "high": ("high (2 to 3 kHz)", "高频（2 至 3 kHz）"),
    "hiss": ("hiss (3 to 7 kHz)", "嘶声（3 至 7 kHz）"),
    "ultrasonic": ("ultrasonic (20 to 80 kHz)", "超声（20 至 80 kHz）"),
}
_BEARING: dict[str, tuple[str, str]] = {
    "bpfo": ("outer race (BPFO)", "外圈 (BPFO) "),
    "bpfi": ("inner race (BPFI)", "内圈 (BPFI) "),
    "bsf": ("rolling elements (BSF)", "滚动体 (BSF) "),
    "ftf": ("cage (FTF)", "保持架 (FTF) "),
}
_ABOVE_BACKGROUND = ("squeal", "low_line", "envelope_", "sidebands_")
_FROM_THERE_ON = ("step", "loudness_step", "ripple_line", "jump", "bend")
_UNITS = {"degC": "°C", "m/s2": "m/s²", "m/s^2": "m/s²", "mm2": "mm²"}


@cache
def known_kinds() -> tuple[str, ...]:
    """Return every kind of quantity that can be measured."""
    octaves = (f"octave_{centre_hz:.0f}" for centre_hz in OCTAVES_HZ)
    return (*_KINDS, *(f"{family}_{band}" for family in _FAMILIES for band in (*_BANDS, *_BEARING)), *octaves)


def kind_title(kind: str) -> Text:
    """Return the words for a kind of quantity."""
    if kind in _KINDS:
        return Text(*_KINDS[kind])
    family, _, rest = kind.partition("_")
    named = _BANDS.get(rest) or _BEARING.get(rest)
    if family in _FAMILIES and named is not None:
        en, zh = _FAMILIES[family]
        return Text(en.format(en=named[0]), zh.format(zh=named[1]))
    if family == "octave":
        return Text(f"level of the octave at {rest} Hz", f"{rest} Hz 倍频程声级")
    return Text(kind.replace("_", " "), kind.replace("_", " "))


def channel_title(channel: str, catalogue: Catalogue) -> Text:
    """Return a channel's name in words; in Chinese where the catalogue knows each of its parts."""
    pieces = [piece for piece in re.split(r"[\s_.\-]+", channel) if piece]
    known = [catalogue.words.get(piece.lower()) for piece in pieces]
    zh = "".join(word for word in known if word) if pieces and all(known) else channel
    return Text(" ".join(pieces) or channel, zh)


def unit_name(unit: str) -> str:
    """Return a unit as people write it; of `degC/min` each side."""
    for plain, written in _UNITS.items():
        if unit == plain or unit.startswith(f"{plain}/"):
            return written + unit[len(plain) :]
    return unit


def unit_text(unit: str) -> str:
    """Return a unit as people write it, a space before it."""
    return f" {unit_name(unit)}" if unit else ""


def decimals_for(value: float, low: float | None, high: float | None, unit: str) -> int:
    """Return how many decimals say enough: a twentieth of the expected range, or three digits."""
    if unit == "dB":
        return 1
    known = [abs(number) for number in (value, low, high) if number is not None and number != 0]
    grain = (high - low) / 20 if low is not None and high is not None and high > low else max(known, default=1.0) / 200
    largest = max(known, default=1.0)
    grain = min(max(grain, largest / 2000), largest / 20)
    return int(min(max(math.ceil(-math.log10(max(grain, 1e-9))), 0), 5))


def number(value: float, decimals: int) -> str:
    """Return a number with so many decimals, never as minus zero."""
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text


def evidence_of(finding: Finding, catalogue: Catalogue, witness: Witness | None = None) -> Evidence:
    """Return a finding as evidence, its words in both languages; `witness` says for or against which cause."""
    item = finding.measurement
    quantity, when = _quantity(finding, catalogue, Text(": ", "：")), when_text(item)
    said = [_expected(finding), when, _beyond(finding)]
    if witness is not None and not witness.in_order:
        said.append(Text("at another time than the rest", "与其余征兆时间不符"))
    en = ", ".join([quantity.en, *(text.en for text in said if text.en)])
    zh = "，".join([quantity.zh, *(text.zh for text in said if text.zh)])
    return Evidence(
        channel=item.channel,
        kind=item.kind,
        measured=item.value,
        expected_low=finding.low,
        expected_high=finding.high,
        unit=item.unit,
        start_s=item.start_s,
        end_s=item.end_s,
        text=Text(en, zh),
        strength=finding.strength,
        beyond_share=finding.beyond_share,
        at_hz=item.at_hz,
        rule=witness.rule if witness else "",
        likelihood_ratio=math.exp(witness.speaks) if witness and witness.in_order else None,
    )


def _beyond(finding: Finding) -> Text:
    """Return how often what is out of the ordinary here comes without a fault."""
    share = finding.beyond_share
    if share is None or finding.strength <= 0:
        return Text("", "")
    if finding.among == "the past":
        return Text(
            *(
                ("never so before", "此前从未如此")
                if share == 0
                else (f"so in {_percent(share)} of the past", f"此前 {_percent(share)}如此")
            )
        )
    if finding.among == "chance" and share == 0:
        return Text("chance does not reach it in this signal", "此信号中偶然达不到")
    if finding.among == "chance":
        return Text(f"chance alone reaches it in {_percent(share)}", f"偶然出现的概率 {_percent(share)}")
    if share == 0:
        return Text("seen on no good part here", "本工位良品从未如此")
    return Text(f"seen on {_percent(share)} of good parts here", f"本工位 {_percent(share)}的良品如此")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"


def finding_phrase(finding: Finding, catalogue: Catalogue) -> Text:
    """Return a finding with its range and its time, as a phrase for the middle of a sentence."""
    expected, when = _expected(finding), when_text(finding.measurement)
    quantity = _quantity(finding, catalogue, Text(" ", ""), hz_apart=True)
    aside = "，".join(said for said in (_at(finding).zh, expected.zh) if said)
    en = quantity.en + (f" ({expected.en})" if expected.en else "") + (f" {when.en}" if when.en else "")
    return Text(en, when.zh + quantity.zh + (f"（{aside}）" if aside else ""))


def key_phrase(finding: Finding, catalogue: Catalogue) -> Text:
    """Return the one number of a finding with the edge of the range that it left, as short as it can be said."""
    item, low, high = finding.measurement, finding.low, finding.high
    quantity = _quantity(finding, catalogue, Text(" ", ""))
    decimals, unit = decimals_for(item.value, low, high, item.unit), unit_text(item.unit)
    if high is not None and (finding.reach > 0 or low is None):
        edge = number(high, decimals) + unit
        return Text(f"{quantity.en}, normally up to {edge}", f"{quantity.zh}，正常不超过 {edge}")
    if low is not None:
        edge = number(low, decimals) + unit
        return Text(f"{quantity.en}, normally from {edge}", f"{quantity.zh}，正常不低于 {edge}")
    return quantity


def since_text(onset_s: float | None) -> Text:
    """Return since when a cause is active; nothing where no quantity tells, or it began with the part."""
    if onset_s is None or onset_s > -0.05:
        return Text("", "")
    for length_s, en, zh in ((86_400, "d", "天"), (3600, "h", "小时"), (60, "min", "分钟")):
        if -onset_s >= 2 * length_s:
            span = f"{-onset_s / length_s:.1f}"
            return Text(f"{span} {en} before the part", f"工件到位前 {span} {zh}")
    span = f"{-onset_s:.1f}" if onset_s > -10 else f"{-onset_s:.0f}"
    return Text(f"{span} s before the part", f"工件到位前 {span} 秒")


def _quantity(finding: Finding, catalogue: Catalogue, mark: Text, *, hz_apart: bool = False) -> Text:
    """Return channel, kind, amount and frequency; `hz_apart` leaves the frequency out of the Chinese, which says it in brackets."""
    item = finding.measurement
    channel, kind, at = channel_title(item.channel, catalogue), kind_title(item.kind), _at(finding)
    amount = number(item.value, decimals_for(item.value, finding.low, finding.high, item.unit)) + unit_text(item.unit)
    at_zh = f"（{at.zh}）" if at.zh and not hz_apart else ""
    if item.of:
        other = channel_title(item.of, catalogue)
        return Text(f"{channel.en}{mark.en}{kind.en} ({other.en}) {amount}", f"{channel.zh}{mark.zh}{kind.zh}（{other.zh}）{amount}")
    if item.unit == "dB" and (item.kind.startswith(_ABOVE_BACKGROUND) or item.kind.endswith("_line")):
        en, zh = f"{kind.en}{at.en} {amount} above the background", f"{kind.zh}{at_zh}高出背景 {amount}"
    else:
        en, zh = f"{kind.en} {amount}{at.en}", f"{kind.zh} {amount}{at_zh}"
    return Text(f"{channel.en}{mark.en}{en}", f"{channel.zh}{mark.zh}{zh}")


def _at(finding: Finding) -> Text:
    hz = finding.measurement.at_hz
    return Text("", "") if hz is None else Text(f" at {_hz(hz)}", _hz(hz))


def _hz(hz: float) -> str:
    return f"{hz:.1f} Hz" if hz < 1000 else f"{hz:.0f} Hz"


def _expected(finding: Finding) -> Text:
    item, low, high = finding.measurement, finding.low, finding.high
    decimals, unit = decimals_for(item.value, low, high, item.unit), unit_text(item.unit)
    if low is not None and high is not None:
        low_text, high_text = number(low, decimals), number(high, decimals)
        word = Text("normal", "正常") if finding.learnt else Text("expected", "应为")
        return Text(f"{word.en} {low_text} to {high_text}{unit}", f"{word.zh} {low_text} 至 {high_text}{unit}")
    if high is not None:
        return Text(f"expected below {number(high, decimals)}{unit}", f"应低于 {number(high, decimals)}{unit}")
    if low is not None:
        return Text(f"expected above {number(low, decimals)}{unit}", f"应高于 {number(low, decimals)}{unit}")
    return Text("", "")


def when_text(item: Measurement) -> Text:
    """Return when a quantity was seen, relative to the part; nothing for pictures, which show the part itself."""
    if item.modality == "image":
        return Text("", "")
    start_s, end_s = item.start_s, item.end_s
    if item.kind.startswith("long_"):
        ago = _long_span(-start_s)
        return Text(f"since {ago.en} before the part", f"自工件到位前 {ago.zh}起")
    if item.kind in _FROM_THERE_ON and start_s < -0.05:
        return Text(f"from {-start_s:.1f} s before the part", f"自工件到位前 {-start_s:.1f} 秒起")
    if end_s - start_s < 0.05:
        if abs(start_s) < 0.05:
            return Text("at the part", "工件到位时")
        return (
            Text(f"{-start_s:.1f} s before the part", f"工件到位前 {-start_s:.1f} 秒")
            if start_s < 0
            else Text(f"{start_s:.1f} s after the part", f"工件到位后 {start_s:.1f} 秒")
        )
    span_s = end_s - start_s
    span = f"{span_s:.1f}" if span_s < 10 else f"{span_s:.0f}"
    return Text(f"in the {span} s around the part", f"工件前后 {span} 秒内")


def _long_span(span_s: float) -> Text:
    """Return a span as people say it."""
    for length_s, en, zh in ((86_400, "d", "天"), (3600, "h", "小时"), (60, "min", "分钟")):
        if span_s >= 2 * length_s:
            return Text(f"{span_s / length_s:.1f} {en}", f"{span_s / length_s:.1f} {zh}")
    return Text(f"{span_s:.0f} s", f"{span_s:.0f} 秒")


def defect_phrase(defect: Defect | None, machine: MachineConfig, catalogue: Catalogue) -> Text:
    """Return a defect in words, with its direction where its box has a clear one."""
    if defect is None:
        return Text("defect", "缺陷")
    title, known = catalogue.defect_title(defect.kind), catalogue.defects.get(defect.kind)
    direction = _direction(defect, machine) if known is not None and known.directed else Text("", "")
    return Text(f"{title.en} {direction.en}".strip(), f"{direction.zh}{title.zh}")


def _direction(defect: Defect, machine: MachineConfig) -> Text:
    if defect.box_px is None or min(defect.box_px[2:]) <= 0 or machine.belt_direction_deg % 90:
        return Text("", "")
    ratio = defect.box_px[2] / defect.box_px[3]
    if machine.belt_direction_deg % 180:
        ratio = 1 / ratio
    if ratio >= 2.5:
        return Text("along the belt", "沿输送方向的")
    return Text("across the belt", "垂直于输送方向的") if ratio <= 0.4 else Text("", "")
