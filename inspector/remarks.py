"""What the product remarks of signals, devices and verdicts while it works, in its two languages.

A remark travels as an English sentence: in parts, JSON, logs and on the command line. Its Chinese stands here beside the English
template that it was made from, so whoever shows a remark, even one that was stored long ago, can show it in the reader's language. What
is not written here (the words of an exception, of a driver from elsewhere) is shown as it came.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Literal

Language = Literal["en", "zh"]

_CHINESE: dict[str, str] = {
    # what a part lacks, and how its signals are out of step
    "missing": "缺失",
    "no picture of this part": "没有该零件的图像",
    "no samples in the part's window": "零件窗口内无采样",
    "no values in the part's window": "零件窗口内无数值",
    "no value is a number": "没有有效数值",
    "{share} of the values are not numbers": "{share} 的数值无效",
    "{n} samples are not numbers": "{n} 个采样无效",
    "stale: the last picture is {span} older than the part": "过期：最后的图像比零件早 {span}",
    "the picture is {span} too late": "图像晚了 {span}",
    "stale: samples end {span} before the part's window": "过期：采样在零件窗口前 {span} 结束",
    "stale: the last value is {span} away from the part's window": "过期：最后的数值与零件窗口相差 {span}",
    "stale: the last value is {span} old": "过期：最后的数值已有 {span}",
    "incomplete: begins {span} late": "不完整：开始晚了 {span}",
    "incomplete: ends {span} early": "不完整：提前 {span} 结束",
    "incomplete: begins {late} late and ends {short} early": "不完整：开始晚了 {late}，提前 {short} 结束",
    "incomplete: a gap of {span}": "不完整：中断 {span}",
    "out of step: its clock is known to {span} only": "不同步：时钟只能确定到 {span}",
    "out of step: by up to {span}": "不同步：最多相差 {span}",
    "out of step: values end {span} too early": "不同步：数值提前 {span} 结束",
    # what is wrong with a signal that came
    "picture too small to judge": "图像过小，无法判断",
    "overexposed": "过曝",
    "underexposed": "欠曝",
    "out of focus": "失焦",
    "motion blur": "运动模糊",
    "compressed": "压缩过度",
    "occluded": "被遮挡",
    "no contrast": "无对比度",
    "samples that are not numbers": "含有无效采样",
    "only one sample": "只有一个采样",
    "only {n} samples": "只有 {n} 个采样",
    "signal too short or not a number": "信号过短或无效",
    "silent": "无声",
    "clipped": "削波",
    "blocks dropped": "丢失数据块",
    "noise": "噪声",
    "mains hum": "工频干扰",
    "no values": "无数值",
    "one value only": "只有一个数值",
    "gaps": "有缺口",
    "stuck value": "数值卡住",
    "unsteady rate": "采样率不稳",
    "{measure} below all that training saw": "{measure}低于训练中所见",
    "{measure} above all that training saw": "{measure}高于训练中所见",
    "bright": "过亮像素比例",
    "dark": "过暗像素比例",
    "level": "亮度",
    "blur": "模糊度",
    "smear": "拖影",
    "sharpness": "清晰度",
    "contrast": "对比度",
    "covered": "遮挡面积",
    "plain": "无纹理面积",
    "blocks": "块状失真",
    "dropped": "丢失比例",
    "level db": "声级",
    "snr db": "信噪比",
    "hum": "工频成分",
    "longest gap": "最长缺口",
    "stuck": "不变比例",
    "levels": "不同数值个数",
    "unsteady": "间隔波动",
    "rate": "采样率",
    # why a part needs a person
    "score {score} lies between {low} and {high}: a person must look": "得分 {score} 介于 {low} 与 {high} 之间，需要人工查看",
    "no channel of this part can be used": "该零件没有可用的通道",
    "cannot be used": "无法使用",
    "{bad} and {good} disagree: {bad} speaks for a defect, {good} against it": "{bad}与{good}相矛盾：{bad}表明有缺陷，{good}表明没有",
    "picture": "图像",
    "sound": "声音",
    "vibration": "振动",
    "process values": "过程量",
    "not judged: parts come faster than they can be judged": "未判定：来件速度超过判定速度",
    "not judged: its turn came after the deadline of {ms} ms": "未判定：轮到该零件时已超过 {ms} ms 时限",
    "judging failed: {error}": "判定失败：{error}",
    "verdict '{outcome}' came after the deadline of {ms} ms": "判定“{outcome}”超过 {ms} ms 时限",
    "pass": "合格",
    "fail": "不合格",
    # what a station says of its channels
    "nothing has come yet": "尚无数据",
    "the source has ended": "数据源已结束",
    "last data {age} s ago": "最后的数据在 {age} s 前",
    "its stamps lie in the future: its clock is wrong": "时间戳在未来：时钟有误",
    "frozen: the last {n} pictures agree in every bit": "画面冻结：最近 {n} 张图像完全相同",
    "stuck: its value has not changed for {span}": "卡住：数值已 {span} 未变",
    "the disk is slower than the line: parts are left out of the recording": "磁盘跟不上产线：部分零件未录制",
}

_LISTED = ", "
_ABOUT = re.compile(r"([^\s:]+): (.+)")
_FIELD = re.compile(r"\{(\w+)\}")


def remark(english: str, **values: str) -> str:
    """Return a remark with its values filled in. Raises KeyError for a template that has no Chinese."""
    _CHINESE[english]
    return english.format(**values)


def said(sentence: str, language: Language, channel: Callable[[str], str] = str) -> str:
    """Return a remark, or several with commas between them, in `language`; `channel` names the channels in it."""
    if (known := _known(sentence, language)) is not None:
        return known
    if _LISTED in sentence:
        return ("，" if language == "zh" else _LISTED).join(said(one, language, channel) for one in sentence.split(_LISTED))
    if about := _ABOUT.fullmatch(sentence):
        name, rest = about.groups()
        return f"{channel(name)}{'：' if language == 'zh' else ': '}{said(rest, language, channel)}"
    return sentence


def _known(sentence: str, language: Language) -> str | None:
    for template, pattern in _patterns():
        if found := pattern.fullmatch(sentence):
            values = {name: _known(value, language) or value for name, value in found.groupdict().items()}
            return (_CHINESE[template] if language == "zh" else template).format(**values)
    return None


def of_channel(channel: str, what: str) -> str:
    """Return a remark that says of which channel it is."""
    return f"{channel}: {what}"


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Return templates with what recognises them, the most particular first."""
    by_words = sorted(_CHINESE, key=lambda template: -len(_FIELD.sub("", template)))
    return [(template, re.compile(_pattern(template))) for template in by_words]


def _pattern(template: str) -> str:
    seen: set[str] = set()
    pattern = ""
    for number, piece in enumerate(_FIELD.split(template)):
        if number % 2 == 0:
            pattern += re.escape(piece)
        elif piece in seen:
            pattern += f"(?P={piece})"
        else:
            seen.add(piece)
            pattern += f"(?P<{piece}>.+)"
    return pattern
