"""Every word that the product says on screen, in its two languages.

A key is said with `say(key, language)`. Names that come from a plant (kinds of defect, causes, channels) are looked up too, and are
shown as they are where the product does not know them: a plant may name its own.
"""

from __future__ import annotations

from typing import Literal

from inspector.parts import Text

Language = Literal["en", "zh"]
LANGUAGES: dict[Language, str] = {"en": "English", "zh": "中文"}

WORDS: dict[str, Text] = {
    # frame
    "product": Text("Line Inspector", "产线质检"),
    "page_live": Text("Live", "实时"),
    "page_part": Text("Part", "零件"),
    "page_history": Text("History", "历史"),
    "language": Text("Language", "语言"),
    "station": Text("Station", "工位"),
    # verdicts
    "pass": Text("PASS", "合格"),
    "fail": Text("FAIL", "不合格"),
    "review": Text("REVIEW", "复检"),
    "degraded": Text("Judged without", "缺少以下信号"),
    "score": Text("Score", "得分"),
    "threshold": Text("threshold", "阈值"),
    "verdict": Text("Verdict", "判定"),
    "reasons": Text("Why it needs a person", "需要人工的原因"),
    # live
    "last_finding": Text("Last finding", "最近发现"),
    "no_finding": Text("No finding yet. Nothing to do.", "暂无发现，无需处理。"),
    "waiting": Text("Waiting for the first part", "等待首个零件"),
    "no_picture": Text("No picture of this part", "该零件无图像"),
    "no_stations": Text("No station has sent a part yet", "尚无工位上传零件"),
    "no_stations_hint": Text(
        "Start a line with `inspector demo` or `inspector station run`; this page will fill by itself.",
        "用 `inspector demo` 或 `inspector station run` 启动产线，本页将自动更新。",
    ),
    "no_data_since": Text("No data since {time}", "自 {time} 起无数据"),
    "server_silent": Text(
        "The dashboard server does not answer: what was here may be out of date.", "看板服务器无响应，原画面可能已失效。"
    ),
    "line_silent": Text("The line does not report: what was here may be out of date.", "产线没有上报，原画面可能已失效。"),
    "recovers": Text("Comes back by itself.", "恢复后自动显示。"),
    "heat_map": Text("Heat map", "热力图"),
    "opacity": Text("Opacity", "不透明度"),
    "map_reliable": Text("Heat map reliable", "热力图可信"),
    "map_not_reliable": Text(
        "Heat map not reliable: the decision does not hang on where it is hot", "热力图不可信：判定并不取决于高亮区域"
    ),
    "good_part": Text("The good part that looks most like it: {part}", "外观最接近的合格件：{part}"),
    "severity": Text("Severity", "严重度"),
    "driven_by": Text("What drove the verdict", "判定依据"),
    "cause": Text("Cause", "原因"),
    "no_cause": Text("No cause was looked for", "未进行原因分析"),
    "suggestion": Text("Suggestion", "处理建议"),
    "no_suggestion": Text("No fix is known for this yet", "暂无已知处理方法"),
    "helped_in": Text("helped in {helped} of {tried}", "{tried} 次中 {helped} 次有效"),
    "chance_to_help": Text("chance to help {low} to {high} %", "有效概率 {low}–{high} %"),
    "worked_at": Text("worked at {low}–{high} {unit}, last {successes} successes", "最近 {successes} 次有效时为 {low}–{high} {unit}"),
    "never_tried": Text("not tried yet", "尚未尝试"),
    "within_limits": Text("allowed {low}–{high}", "允许 {low}–{high}"),
    "helped": Text("Helped", "有效"),
    "not_helped": Text("Did not help", "无效"),
    "verdict_wrong": Text("Verdict was wrong", "判定有误"),
    "undo": Text("Undo", "撤销"),
    "will_save": Text("“{answer}” for {part} – saving", "{part}：“{answer}”，正在保存"),
    "saved": Text("Saved: “{answer}” for {part}", "已保存：{part}“{answer}”"),
    "not_saved": Text("Not saved yet, trying again: “{answer}” for {part}", "尚未保存，正在重试：{part}“{answer}”"),
    "refused": Text("Could not be saved: “{answer}” for {part}", "无法保存：{part}“{answer}”"),
    "undone": Text("Undone", "已撤销"),
    "newer_findings": Text("{n} newer ›", "{n} 个更新 ›"),
    "parts_ago": Text("{n} parts ago", "{n} 件之前"),
    "this_part": Text("this part", "当前零件"),
    "last_parts": Text("Last parts", "最近零件"),
    "shift": Text("This shift", "本班次"),
    "since_time": Text("since {time}", "自 {time}"),
    "yield": Text("Yield", "合格率"),
    "parts": Text("Parts", "零件数"),
    "channels": Text("Channels", "通道"),
    "sink": Text("Output", "输出"),
    "lamp_ok": Text("ok", "正常"),
    "lamp_missing": Text("missing", "缺失"),
    "lamp_stale": Text("stale", "过期"),
    "lamp_unknown": Text("unknown", "未知"),
    "sync": Text("Sync", "同步"),
    "open_part": Text("Open part", "查看零件"),
    # part
    "part_id": Text("Part", "零件号"),
    "choose_part": Text("Part number", "零件编号"),
    "part_not_found": Text("There is no part “{part}”", "没有零件“{part}”"),
    "no_parts": Text("No parts yet", "暂无零件"),
    "newer": Text("Newer", "较新"),
    "older": Text("Older", "较旧"),
    "picture": Text("Picture", "图像"),
    "defects": Text("Defects", "缺陷"),
    "defect": Text("Defect", "缺陷"),
    "no_defects": Text("No defect was found", "未发现缺陷"),
    "confidence": Text("Confidence", "置信度"),
    "area": Text("Area", "面积"),
    "place": Text("Place in the picture", "图中位置"),
    "causes": Text("Causes", "原因"),
    "evidence": Text("Evidence", "证据"),
    "against": Text("What speaks against it", "不支持的证据"),
    "measured": Text("Measured", "实测"),
    "expected": Text("Expected", "正常范围"),
    "unit": Text("Unit", "单位"),
    "when": Text("When", "时间"),
    "channel": Text("Channel", "通道"),
    "says": Text("What it says", "说明"),
    "no_evidence": Text("Nothing that was measured speaks for it.", "没有测量到支持它的证据。"),
    "next_test": Text("Next check", "下一步检查"),
    "sound": Text("Sound", "声音"),
    "vibration": Text("Vibration", "振动"),
    "trends": Text("Trends", "趋势"),
    "spectrogram": Text("Spectrogram", "声谱图"),
    "spectrum": Text("Spectrum", "频谱"),
    "envelope_spectrum": Text("Envelope spectrum", "包络谱"),
    "this_part_line": Text("This part", "本零件"),
    "normal_line": Text("Last passed part ({part})", "上一合格件（{part}）"),
    "frequency": Text("Frequency", "频率"),
    "time_to_trigger": Text("Time to trigger", "相对触发时间"),
    "level": Text("Level", "声级"),
    "amplitude": Text("Amplitude", "幅值"),
    "trigger": Text("trigger", "触发"),
    "no_evidence_files": Text("The recordings of this part are no longer kept.", "该零件的原始数据已不再保留。"),
    "shaft": Text("shaft {n}×", "轴频 {n}×"),
    "cases": Text("Past cases behind it", "依据的历史案例"),
    "feedback": Text("Your answer", "您的反馈"),
    "feedback_stored": Text("Stored", "已保存"),
    "feedback_given": Text("Answers so far", "已有反馈"),
    "verdict_right": Text("Verdict was right", "判定正确"),
    "about": Text("About this verdict", "关于本次判定"),
    "timings": Text("Time per stage", "各阶段用时"),
    "sync_error": Text("Sync error", "同步误差"),
    "weights": Text("Weight of each sense", "各模态权重"),
    "model": Text("Model", "模型"),
    "raw_json": Text("Everything as JSON", "完整 JSON"),
    "stage": Text("Stage", "阶段"),
    "image": Text("Image", "图像"),
    "audio": Text("Sound", "声音"),
    "series": Text("Process values", "过程量"),
    # history
    "filters": Text("Filters", "筛选"),
    "outcome": Text("Outcome", "结果"),
    "kind": Text("Kind of defect", "缺陷类型"),
    "all": Text("All", "全部"),
    "time": Text("Time", "时间"),
    "last_hour": Text("Last hour", "最近一小时"),
    "last_shift": Text("This shift", "本班次"),
    "last_day": Text("Last 24 hours", "最近 24 小时"),
    "any_time": Text("Any time", "不限时间"),
    "find_part": Text("Part number contains", "零件编号包含"),
    "pareto_defects": Text("Defects, most frequent first", "缺陷排列图"),
    "pareto_causes": Text("Causes, most frequent first", "原因排列图"),
    "yield_per_hour": Text("Yield per hour", "每小时合格率"),
    "count": Text("Count", "数量"),
    "nothing_matches": Text("No part matches these filters.", "没有符合筛选条件的零件。"),
    "not_passed": Text("FAIL or REVIEW", "不合格或复检"),
    "page": Text("Page {n}", "第 {n} 页"),
    "complete": Text("Signals", "信号"),
    "incomplete": Text("incomplete", "不完整"),
    "nothing_yet": Text("Nothing in this span", "该时段无数据"),
    "open": Text("Open", "打开"),
    # door
    "login_title": Text("Sign in", "登录"),
    "login_name": Text("Name", "用户名"),
    "login_password": Text("Password", "密码"),
    "login_screen": Text(
        "This is a screen at the line: stay signed in and only show; people act on it by badge",
        "这是产线旁的屏幕：保持登录、仅作显示，操作人员刷卡后操作",
    ),
    "login_button": Text("Sign in", "登录"),
    "login_wrong": Text("Name or password is wrong.", "用户名或密码错误。"),
    "too_often": Text("Too many wrong attempts. Wait five minutes.", "错误次数过多，请等待五分钟。"),
    "badge_title": Text("Act on this screen", "在此屏幕上操作"),
    "badge_badge": Text("Badge", "工牌号"),
    "badge_pin": Text("PIN", "个人识别码"),
    "badge_button": Text("Begin", "开始"),
    "badge_wrong": Text("Badge or PIN is wrong, or this is no screen at the line.", "工牌号或识别码错误，或本机不是产线屏幕。"),
    "password_title": Text("Another password", "修改密码"),
    "password_old": Text("Present password", "当前密码"),
    "password_new": Text("New password, at least 10 characters", "新密码，至少 10 个字符"),
    "password_button": Text("Change it and sign in again", "修改并重新登录"),
    "password_refused": Text("The present password is wrong, or the new one is too short.", "当前密码错误，或新密码过短。"),
    "password_not_here": Text("On a screen at the line no password can be changed.", "产线屏幕上不能修改密码。"),
    "sign_out": Text("Sign out", "退出登录"),
    "lock": Text("Lock", "锁定"),
    "screen_shows": Text("Screen, shows only", "屏幕，仅显示"),
    "signed_out": Text("You are signed out.", "您已退出登录。"),
    "may_not_answer": Text(
        "To answer takes the role operator at this station; on a screen, give your badge first.",
        "反馈需要本工位的操作员权限；在产线屏幕上请先刷卡。",
    ),
}

KINDS: dict[str, Text] = {
    "ok": Text("ok", "正常"),
    "scratch": Text("Scratch", "划痕"),
    "chatter_mark": Text("Chatter mark", "振纹"),
    "discoloration": Text("Discoloration", "变色"),
    "press_mark": Text("Press mark", "压痕不良"),
    "burr": Text("Burr", "毛刺"),
    "inclusion": Text("Inclusion", "夹杂"),
    "unknown": Text("Unknown defect", "未知缺陷"),
}

CAUSES: dict[str, Text] = {
    "none": Text("No process cause", "非工艺原因"),
    "not_measured": Text("Not measured", "未能测得"),
    "belt_slip": Text("Belt slip", "皮带打滑"),
    "bearing_wear": Text("Bearing wear", "轴承磨损"),
    "imbalance": Text("Imbalance", "转子不平衡"),
    "cooling_failure": Text("Cooling failure", "冷却失效"),
    "low_air_pressure": Text("Low air pressure", "气压不足"),
    "tool_wear": Text("Tool wear", "刀具磨损"),
    "lens_dirt": Text("Dirt on the lens", "镜头脏污"),
    "light_failure": Text("Light failure", "光源故障"),
}

CHANNELS: dict[str, Text] = {
    "camera": Text("Camera", "相机"),
    "microphone": Text("Microphone", "麦克风"),
    "motor_vibration": Text("Motor vibration", "电机振动"),
    "motor_current": Text("Motor current", "电机电流"),
    "belt_speed": Text("Belt speed", "皮带速度"),
    "press_force": Text("Press force", "压力机压力"),
    "air_pressure": Text("Air pressure", "气压"),
    "motor_temp": Text("Motor temperature", "电机温度"),
    "coolant_temp": Text("Coolant temperature", "冷却液温度"),
    "black box": Text("Recording", "录制"),
}


PARAMETERS: dict[str, Text] = {
    "belt_tension": Text("belt tension", "皮带张紧力"),
    "coolant_flow": Text("coolant flow", "冷却液流量"),
    "air_curtain": Text("air curtain", "气帘压力"),
    "air_pressure": Text("air pressure", "气压"),
    "cycle_rate": Text("cycle rate", "节拍"),
    "die_clearance": Text("die clearance", "模具间隙"),
    "grease_amount": Text("grease amount", "润滑脂用量"),
    "light_current": Text("light current", "光源电流"),
    "offset": Text("offset", "偏移量"),
    "residual_unbalance": Text("residual unbalance", "剩余不平衡量"),
    "torque": Text("torque", "力矩"),
}

STAGES: dict[str, Text] = {
    "align": Text("align", "对齐"),
    "features": Text("features", "特征"),
    "judge": Text("judge", "判定"),
    "localize": Text("localize", "定位"),
    "diagnose": Text("diagnose", "诊断"),
    "suggest": Text("suggest", "建议"),
}

_UNITS = {"degC": "°C", "m/s2": "m/s²", "m/s^2": "m/s²", "mm2": "mm²"}


def language_of(locale: str | None) -> Language:
    """Return the language for a browser's locale such as "zh-CN"; English where none fits."""
    return "zh" if (locale or "").lower().startswith("zh") else "en"


def in_language(text: Text, language: Language) -> str:
    """Return `text` in `language`."""
    return text.zh if language == "zh" else text.en


def say(key: str, language: Language, **values: object) -> str:
    """Return the words for `key` with `values` filled in. Raises KeyError for a key that nobody wrote."""
    words = in_language(WORDS[key], language)
    return words.format(**values) if values else words


def kind_name(kind: str | None, language: Language) -> str:
    """Return what a kind of defect is called; "" for none."""
    return _name(KINDS, kind, language)


def cause_name(cause: str | None, language: Language) -> str:
    """Return what a cause is called; "" for none."""
    return _name(CAUSES, cause, language)


def channel_name(channel: str, language: Language) -> str:
    """Return what a channel is called."""
    return _name(CHANNELS, channel, language)


def parameter_name(parameter: str, language: Language) -> str:
    """Return what a setting of a fix is called."""
    return _name(PARAMETERS, parameter, language)


def stage_name(stage: str, language: Language) -> str:
    """Return what a stage of the pipeline is called."""
    return _name(STAGES, stage, language)


def unit_name(unit: str) -> str:
    """Return a unit as people write it."""
    return _UNITS.get(unit, unit)


def all_words(language: Language) -> dict[str, str]:
    """Return every word of one language, for the parts of the screen that speak without the server."""
    return {key: in_language(text, language) for key, text in WORDS.items()}


def _name(names: dict[str, Text], name: str | None, language: Language) -> str:
    if not name:
        return ""
    return in_language(names[name], language) if name in names else name.replace("_", " ")
