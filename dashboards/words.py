"""Every word that the product says on screen, in its two languages.

A key is said with `say(key, language)`. Names that come from a plant (kinds of defect, causes, channels) are looked up too, and are
shown as they are where the product does not know them: a plant may name its own.
"""

from __future__ import annotations

from typing import Literal

from inspector import remarks
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
    "drops": Text("{n} drops", "丢失 {n} 次"),
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
    # what an operator does
    "applied": Text("Apply", "采用"),
    "named": Text("Defect and cause", "缺陷与原因"),
    "note": Text("Note", "备注"),
    "maintenance": Text("Ask for maintenance", "请求检修"),
    "is_good": Text("Part is good", "零件合格"),
    "is_bad": Text("Part is bad", "零件不合格"),
    "true_defect": Text("What the defect really is", "真实缺陷"),
    "true_cause": Text("What the cause really is", "真实原因"),
    "speak_note": Text("Speak a note", "语音备注"),
    "speaking": Text("Recording, a minute at most", "正在录音，最长一分钟"),
    "stop_speaking": Text("Stop", "停止"),
    "speak_again": Text("Record again", "重录"),
    "save_spoken": Text("Save recording", "保存录音"),
    "no_microphone": Text("This browser gives no microphone.", "此浏览器未允许使用麦克风。"),
    "notes": Text("Notes", "备注"),
    "not_kept": Text("the recording is no longer kept", "录音已不再保留"),
    "save_note": Text("Save note", "保存备注"),
    "close": Text("Close", "关闭"),
    "nobody": Text("nobody yet", "尚未署名"),
    "more": Text("More", "增加"),
    "less": Text("Less", "减少"),
    "no_limits": Text("no limits known", "未知限值"),
    "no_number": Text("not a number", "不是数字"),
    "outside_limits": Text("outside the allowed {low}–{high}", "超出允许范围 {low}–{high}"),
    "act_together": Text("Act together: {causes}", "共同作用：{causes}"),
    # alarms
    "alarms_waiting": Text("New alarms: {n}", "{n} 条新报警"),
    "alarm_parts": Text("parts: {n}, since {time}", "自 {time} 起 {n} 件"),
    "alarm_since": Text("since {time}", "自 {time} 起"),
    "acknowledge": Text("Acknowledge", "确认"),
    "all_alarms": Text("All alarms ›", "全部报警 ›"),
    "page_alarms": Text("Alarms", "报警"),
    "unacknowledged": Text("New", "未确认"),
    "acknowledged": Text("Acknowledged", "已确认"),
    "returned": Text("Over, not acknowledged", "已恢复，未确认"),
    "shelved": Text("Shelved", "已搁置"),
    "held_back": Text("Held back: a flood of alarms", "报警泛滥，暂不通报"),
    "acknowledged_by": Text("Acknowledged by {name} at {time}", "{name} 于 {time} 确认"),
    "shelved_until": Text("Shelved until {time} by {name}: {reason}", "{name} 搁置至 {time}：{reason}"),
    "returned_at": Text("Over since {time}", "{time} 恢复正常"),
    "since_parts": Text("Since {time} · parts: {n} · last {last}", "自 {time} 起 · {n} 件 · 最近 {last}"),
    "since_equipment": Text("Since {time} · last {last}", "自 {time} 起 · 最近 {last}"),
    "shelve": Text("Shelve", "搁置"),
    "unshelve": Text("Take from the shelf", "取消搁置"),
    "shelve_how_long": Text("For how long?", "搁置多久？"),
    "shelve_why": Text("Why?", "原因？"),
    "half_an_hour": Text("30 minutes", "30 分钟"),
    "two_hours": Text("2 hours", "2 小时"),
    "one_shift": Text("One shift (8 hours)", "一个班次（8 小时）"),
    "repair_under_way": Text("Repair is under way", "正在维修"),
    "waiting_for_spare": Text("Waiting for a spare part", "等待备件"),
    "sorted_by_hand": Text("Known, parts are sorted by hand", "已知问题，人工挑选"),
    "sensor_doubted": Text("The sensor is in doubt", "传感器存疑"),
    "no_alarms": Text("No alarm. Nothing to do.", "没有报警，无需处理。"),
    "closed_today": Text("Closed this shift", "本班次已关闭"),
    "alarm_rules": Text(
        "One alarm per cause. Normal again: 20 parts in a row without it, or equipment well for 10 s. More than 10 new alarms in "
        "10 minutes are a flood: further ones stand here but are not announced until fewer than 5 came in 10 minutes.",
        "每个原因一条报警。连续 20 件无此问题，或设备正常 10 秒，即恢复正常。10 分钟内超过 10 条新报警视为泛滥："
        "其余只在此列出，待 10 分钟内少于 5 条时再通报。",
    ),
    "action_failed": Text("Could not be stored; try again", "未能保存，请重试"),
    "cause_not_found": Text("Bad or doubtful parts, cause not found", "有不合格或可疑零件，原因不明"),
    "equipment_missing": Text("{channel}: no signal", "{channel}：无信号"),
    # control charts and hand-over
    "page_spc": Text("Charts", "控制图"),
    "page_handover": Text("Hand-over", "交接班"),
    "page_wall": Text("Wall", "多工位"),
    "page_guide": Text("Help", "帮助"),
    "false_alarms": Text("At most one false alarm per", "误报不超过每"),
    "per_shift": Text("shift", "班次一次"),
    "per_day": Text("day", "天一次"),
    "per_week": Text("week", "周一次"),
    "first_pass_yield": Text("First-pass yield", "一次合格率"),
    "chart_p": Text("Share of bad or doubtful parts (p), {n} parts a point", "不合格或可疑零件比例（p 图），每点 {n} 件"),
    "chart_xbar": Text("Mean score (X̄), {n} parts a point", "平均得分（X̄ 图），每点 {n} 件"),
    "chart_range": Text("Spread of scores (R), {n} parts a point", "得分极差（R 图），每点 {n} 件"),
    "chart_ewma": Text("Slow drift of the score (EWMA), every part", "得分缓慢漂移（EWMA），逐件"),
    "in_control": Text("As usual", "正常"),
    "out_of_control": Text("{n} points outside, first at {time}", "{n} 点超限，首次 {time}"),
    "limit": Text("limit", "控制限"),
    "usual": Text("usual", "常态"),
    "spc_rule": Text(
        "Usual is what {before} earlier parts were. At {rate} parts an hour, all four charts together raise one false alarm in about "
        "{parts} parts while nothing is wrong; if neighbouring parts resemble each other, more. Scores are in standard deviations of "
        "their rank among the earlier parts.",
        "以之前的 {before} 件为常态。按每小时 {rate} 件计，过程正常时四张图合计约每 {parts} 件误报一次；"
        "若相邻零件彼此相似，误报会更多。得分按其在之前零件中的名次换算为标准差。",
    ),
    "spc_too_few": Text("{n} parts are needed to say what is usual; there are {have}.", "需要 {n} 件零件才能确定常态，目前有 {have} 件。"),
    "handover_of": Text("Hand-over · {station}", "交接班 · {station}"),
    "shift_span": Text("{start} to {end}", "{start} 至 {end}"),
    "open_cases": Text("Open alarms", "未关闭的报警"),
    "shelved_cases": Text("Shelved alarms", "已搁置的报警"),
    "unhelped_fixes": Text("Fixes that did not help", "无效的处理"),
    "untold_fixes": Text("Fixes applied, outcome not told yet", "已采用但未反馈效果的处理"),
    "maintenance_asked": Text("Maintenance asked for", "已请求检修"),
    "notes_left": Text("Notes", "备注"),
    "nothing_left": Text("none", "无"),
    "print": Text("Print", "打印"),
    "handed_over": Text("Handed over by", "交班人"),
    "taken_over": Text("Taken over by", "接班人"),
    "by_name": Text("by {name}", "由 {name}"),
    "equipment_station": Text("Many channels lost at once: check power and network", "多个通道同时丢失：检查电源与网络"),
    # why one part is as it is
    "long_report": Text("Report for the engineer", "工程师报告"),
    "together": Text("Act together", "共同作用"),
    "both_at_once": Text("{a} and {b} at once, {chance}", "{a}与{b}同时存在，{chance}"),
    "leads": Text("; {cause} can have brought the other about", "；可能由{cause}引发另一个"),
    "gauge_says": Text(
        "The mark is what was measured, the band what is normal here; red is outside. Open a cause to see what speaks for and against it.",
        "竖线为实测值，色带为本线正常范围，红色表示超出。点开原因可查看支持与反对的证据。",
    ),
    # root causes
    "page_causes": Text("Root causes", "根因"),
    "last_week": Text("Last 7 days", "最近 7 天"),
    "causes_over_time": Text("Causes over time", "原因随时间变化"),
    "other_causes": Text("others", "其他"),
    "which_began": Text("Which channel showed it first", "最先出现异常的通道"),
    "began_in": Text("First seen in (parts)", "最先见于（件数）"),
    "goes_with": Text("Which process values differ in rejected parts", "不合格件的过程量差异"),
    "too_few": Text(
        "Too few parts for a comparison: at least five that passed and five that failed.",
        "样本过少：至少需要 5 件合格与 5 件不合格。",
    ),
    "median_passed": Text("Median, passed", "合格件中位数"),
    "median_defective": Text("Median, failed", "不合格件中位数"),
    "against_passed": Text("Beside the middle half of passed parts", "相对合格件中间一半"),
    "higher_in": Text("Higher in failed", "不合格件更高"),
    "by_accident": Text("By accident", "偶然概率"),
    "no_proof": Text(
        "Means over each part's window. “Higher in failed”: how often the failed one of two parts has the higher value, 50 % says "
        "nothing. A difference is no proof of a cause: it says where to look.",
        "数值为每件窗口内的平均值。“不合格件更高”指两件中不合格件数值较高的概率，50 % 表示无差异。差异不等于原因，仅提示排查方向。",
    ),
    "their_parts": Text("The parts behind it", "对应零件"),
    # review
    "page_review": Text("Review", "复核标注"),
    "nothing_to_review": Text("Nothing to look at: no recent part would teach the model much.", "暂无需要复核的零件。"),
    "look_next": Text("Look at next", "优先复核"),
    "people_disagree": Text("people disagree", "人员意见不一"),
    "verdict_doubted": Text("verdict was doubted", "判定受质疑"),
    "new": Text("unknown defect", "未知缺陷"),
    "conflicting": Text("senses disagree", "各模态矛盾"),
    "uncertain": Text("uncertain", "不确定"),
    "people_said": Text("What people said so far", "已有意见"),
    "really_question": Text("What is it really?", "该零件实际是什么？"),
    "choose_kind": Text("Choose a kind, or write a new one", "选择类型，或输入新类型"),
    "not_known": Text("not known", "不清楚"),
    "keep_label": Text("Keep", "保存"),
    "export_labels": Text("Export labelled parts ({parts})", "导出已标注零件（{parts}）"),
    "exported": Text("{parts} parts written to {folder}", "已将 {parts} 件写入 {folder}"),
    # who is let in
    "page_access": Text("Access", "权限"),
    "admins_only": Text("Admins let others in, signed in with name and password.", "只有以用户名和密码登录的管理员才能授权。"),
    "login_locked": Text("You are locked out. Ask an admin.", "您已被停用，请联系管理员。"),
    "people": Text("People", "人员"),
    "machines": Text("Machines (API tokens)", "设备（接口令牌）"),
    "made_password": Text("Password of {name}, shown this once", "{name} 的密码，仅显示这一次"),
    "made_token": Text("Token of {name}, shown this once", "{name} 的令牌，仅显示这一次"),
    "written_down": Text("I have written it down", "我已记下"),
    "done_lately": Text("What was done lately", "最近操作记录"),
    "who_did": Text("By whom", "操作人"),
    "what_was_done": Text("What", "内容"),
    "every_station": Text("every station", "全部工位"),
    "on_a_screen": Text("as a screen at the line", "作为产线屏幕"),
    "no_role": Text("no role", "无角色"),
    "role": Text("Role", "角色"),
    "roles": Text("Roles", "角色"),
    "give_role": Text("Give this role", "授予角色"),
    "take_role": Text("Take away", "收回"),
    "add_person": Text("Add a person", "添加人员"),
    "last_signed_in": Text("Last here", "最近登录"),
    "state": Text("State", "状态"),
    "let_in": Text("is let in", "可登录"),
    "locked_out": Text("locked out", "已停用"),
    "this_is_you": Text("This is you.", "这是您本人。"),
    "new_password": Text("New password", "重置密码"),
    "asks_new_password": Text("{name} is signed out everywhere.", "{name} 将在所有设备上退出登录。"),
    "lock_person": Text("Lock out", "停用"),
    "unlock_person": Text("Let in again", "恢复登录"),
    "asks_lock": Text("{name} is out at once. Everything they signed stays.", "{name} 将立即退出，其签署的记录保留。"),
    "remove_person": Text("Remove", "删除"),
    "asks_remove": Text("{name} is taken out. Everything they signed stays.", "将删除 {name}，其签署的记录保留。"),
    "badge_and_pin": Text("Badge and PIN, to act on a screen at the line", "工牌与识别码（用于产线屏幕）"),
    "pin_digits": Text("PIN, 4 to 8 digits", "识别码，4 至 8 位数字"),
    "set_badge": Text("Set badge and PIN", "设置工牌和识别码"),
    "no_machine": Text("No machine may call yet.", "尚无设备获得授权。"),
    "machine_name": Text("Name of the machine or system", "设备或系统名称"),
    "add_machine": Text("Make a token", "生成令牌"),
    "scopes": Text("What it may do", "权限范围"),
    "stations": Text("At which stations", "适用工位"),
    "choose": Text("Choose", "请选择"),
    "let_in_since": Text("let in since {time}", "自 {time} 起授权"),
    "keep_rights": Text("Keep these rights", "保存权限"),
    "revoke_token": Text("Revoke the token", "吊销令牌"),
    "asks_revoke": Text("{name} is refused from now on.", "{name} 此后将被拒绝。"),
    "right_viewer": Text("viewer", "查看者"),
    "right_operator": Text("operator", "操作员"),
    "right_engineer": Text("engineer", "工程师"),
    "right_admin": Text("admin", "管理员"),
    "right_inspect": Text("have parts inspected", "提交检测"),
    "right_read": Text("read", "读取"),
    "right_feedback": Text("tell what helped", "提交反馈"),
    "right_metrics": Text("metrics", "运行指标"),
    # reports
    "report": Text("Report", "报告"),
    "not_made": Text("The report cannot be made", "无法生成报告"),
    "statement": Text("Check a statement against the record", "核对书面结论"),
    "statement_hint": Text(
        "What is to be written or signed about this part, in English or Chinese", "关于该零件拟写或拟签署的内容（中文或英文）"
    ),
    "nothing_checked": Text("Nothing in it can be held against the record.", "其中没有可与记录核对的内容。"),
    "contradicts": Text("contradicts the record", "与记录矛盾"),
    "unsupported": Text("not in the record", "记录中无依据"),
    "holds": Text("holds", "与记录一致"),
    # replay
    "page_replay": Text("Replay", "回放"),
    "replay_shown": Text("Replay", "回放记录"),
    "replay_again": Text("Judge a recording again", "重新判定一段录制"),
    "no_replays": Text("No replay has been kept yet.", "暂无回放记录。"),
    "no_recordings": Text(
        "There is no recording in this installation. A station with the key “recording” makes them while it runs; others can be put "
        "into its folder of recordings.",
        "本系统中没有录制。配置了录制的工位会在运行时自动生成，也可将其他录制放入录制文件夹。",
    ),
    "recording": Text("Recording", "录制文件"),
    "start": Text("Start", "开始"),
    "judged_by": Text("Judged by", "判定模型"),
    "compared_with": Text("Compared with", "对比模型"),
    "the_same_model": Text("the same model", "同一模型"),
    "other_threshold": Text("With another threshold", "改用其他阈值"),
    "without_sense": Text("Without", "不使用"),
    "price_escape": Text("Price of an escape", "每次漏检的代价"),
    "price_reject": Text("Price of a false reject", "每次误剔的代价"),
    "price_review": Text("Price of a second look", "每次复检的代价"),
    "decide_by_prices": Text("Decide by these prices", "按这些代价重新决策"),
    "judging": Text("Judging: {done} of {parts} parts", "正在判定：{done} / {parts} 件"),
    "two_ways": Text("Two ways of judging", "两种判定方式"),
    "before": Text("Before", "原方式"),
    "after": Text("After", "新方式"),
    "escapes": Text("Escapes", "漏检"),
    "overkill": Text("False rejects", "误剔"),
    "to_a_person": Text("To a person", "转人工"),
    "cost_of_mistakes": Text("Cost", "代价"),
    "costs_less": Text("The second way costs {cost} less.", "新方式代价减少 {cost}。"),
    "costs_more": Text("The second way costs {cost} more.", "新方式代价增加 {cost}。"),
    "costs_same": Text("Both cost the same.", "两种方式代价相同。"),
    "truth_known": Text("What the part really was is known of {known} of {parts}.", "{parts} 件中有 {known} 件已知真实情况。"),
    "prices_are": Text("escape {escape}, false reject {reject}, second look {review}", "漏检 {escape}，误剔 {reject}，复检 {review}"),
    "defect_rate": Text("share of defective parts", "缺陷率"),
    "catalogue": Text("catalogue of causes", "原因目录"),
    "really_is": Text("really: {kind}", "实际：{kind}"),
    "escape": Text("escape", "漏检"),
    "reject": Text("false reject", "误剔"),
    "all_parts": Text("All", "全部"),
    "not_passed_parts": Text("FAIL or REVIEW", "不合格或复检"),
    "changed_parts": Text("Other verdict", "判定不同"),
    "recaused_parts": Text("Other cause or kind", "原因或类型不同"),
    "wrong_parts": Text("Wrong", "判定错误"),
    "incomplete_parts": Text("Signals missing", "信号缺失"),
    "uncaused_parts": Text("No cause found", "未找到原因"),
    "earlier": Text("Earlier", "前一件"),
    "later": Text("Later", "后一件"),
    "one_axis": Text("Everything on one time axis", "同一时间轴上的全部信号"),
    "timeline_title": Text("Signals of this part over time", "该零件的时序信号"),
    "timeline_play": Text("Play", "播放"),
    "timeline_pause": Text("Pause", "暂停"),
    "timeline_pace": Text("Speed ×", "速度 ×"),
    "timeline_whole": Text("Whole span", "全部时段"),
    "timeline_closer": Text("Zoom in", "放大"),
    "timeline_wider": Text("Zoom out", "缩小"),
    "timeline_hint": Text(
        "Drag to move the cursor, turn the wheel to zoom, double-click to reset; arrow keys, + and − do the same. Yellow is what the "
        "diagnosis points at; the dashed line is the trigger.",
        "拖动移动光标，滚轮缩放，双击复位；也可用方向键和 + −。黄色为诊断所指时段，虚线为触发时刻。",
    ),
    # the workbench: masks drawn by hand
    "draw_mask": Text("Draw where the defect is", "标出缺陷位置"),
    "draw_brush": Text("Brush", "画笔"),
    "draw_eraser": Text("Eraser", "橡皮"),
    "draw_box": Text("Box", "矩形"),
    "draw_undo": Text("Undo", "撤销"),
    "draw_clear": Text("Clear", "清空"),
    "draw_propose": Text("Take what the model found", "采用模型标注"),
    "draw_keep": Text("Keep", "保存"),
    "draw_kept": Text("Kept, signed with your name", "已保存并署名"),
    "draw_not_kept": Text("Not kept", "未保存"),
    "draw_unsaved": Text("Changed, not kept yet", "已修改，尚未保存"),
    "draw_nothing_yet": Text("Nobody has drawn on this picture yet", "该图像尚无人工标注"),
    "draw_by": Text("Drawn by {who}, {when}", "由 {who} 标注，{when}"),
    "draw_hint": Text(
        "The last drawing counts. It goes with the label into the folder to train on.", "以最后一次标注为准，并随标签一起导出用于训练。"
    ),
    "brush_size": Text("Size", "粗细"),
    # the workbench: models and devices
    "page_models": Text("Models", "模型"),
    "page_stations": Text("Devices", "设备"),
    "model_in_service": Text("Model in service", "当前模型"),
    "model_unknown": Text("Not known", "未知"),
    "model_never_activated": Text(
        "Nobody has activated a model here: this is what the station said it judges by.", "此处尚未启用过模型：显示的是工位上报的模型。"
    ),
    "model_not_told": Text("The station has not said yet by which model it judges.", "工位尚未上报所用模型。"),
    "model_activated_by": Text("Activated by {who}, {when}", "由 {who} 启用，{when}"),
    "roll_back": Text("Roll back", "回退"),
    "roll_back_to": Text("Takes this model out of service; {model} judges again.", "停用该模型，恢复使用 {model}。"),
    "activated": Text("Activated", "启用时间"),
    "who": Text("Who", "人员"),
    "taken_back": Text("Taken back", "回退时间"),
    "golden_parts": Text("Golden parts", "标准件"),
    "golden_hint": Text(
        "Every model must judge them right before it may serve: a good part must pass, a bad one must not. A part is made golden on its "
        "own page.",
        "任何模型启用前必须全部判对：合格件须判合格，缺陷件不得判合格。在零件页面设置标准件。",
    ),
    "golden_make": Text("Make it a golden part", "设为标准件"),
    "golden_remove": Text("Golden part: take it out", "取消标准件"),
    "was_judged": Text("Was judged", "判定为"),
    "training": Text("Training", "训练"),
    "train_on": Text("Train on", "训练数据"),
    "train_on_labels": Text("what people said of {parts} parts", "人工标注的 {parts} 个零件"),
    "recipe": Text("Recipe", "训练配方"),
    "train_start": Text("Start training", "开始训练"),
    "train_nothing": Text("Nobody has labelled a part yet: label some on the review page.", "尚无人工标注：请先在复核页面标注零件。"),
    "train_cancel": Text("Cancel the training", "取消训练"),
    "train_loading": Text("loading", "加载中"),
    "training_running": Text("running", "进行中"),
    "training_done": Text("done", "完成"),
    "training_failed": Text("failed", "失败"),
    "training_cancelled": Text("cancelled", "已取消"),
    "began": Text("Began", "开始时间"),
    "stage_reading_parts": Text("Reading parts: {done} of {total}", "读取零件：{done} / {total}"),
    "stage_altering_signals": Text("Altering signals: {done} of {total}", "生成信号变体：{done} / {total}"),
    "stage_looking_at_pictures": Text("Looking at pictures: {done} of {total}", "处理图像：{done} / {total}"),
    "stage_pretraining": Text("Learning without labels: epoch {done} of {total}", "无标签预训练：第 {done} / {total} 轮"),
    "stage_training_member": Text(
        "Network {member} of {members}: epoch {done} of {total}", "网络 {member} / {members}：第 {done} / {total} 轮"
    ),
    "stage_measuring_good_parts": Text("Measuring good parts: {done} of {total}", "测量合格件：{done} / {total}"),
    "candidate": Text("Candidate", "候选模型"),
    "no_candidate": Text("No other model is there: train one.", "没有其他模型：请先训练。"),
    "check_against": Text("Checked against", "对比模型"),
    "check_model": Text("Check it", "检验"),
    "activate": Text("Activate", "启用"),
    "check_running": Text("Both models judge stored parts: {done} done", "两个模型正在判定已存零件：已完成 {done} 个"),
    "checked_at": Text(
        "Checked {when} on {parts} parts, {known} of them known.", "{when} 用 {parts} 个零件检验，其中 {known} 个已知真值。"
    ),
    "golden_right": Text("golden parts right: {right} of {parts}", "标准件判对：{right} / {parts}"),
    "look_at_parts": Text("Look at the parts, one beside the other", "逐件对比查看"),
    "nothing_changed": Text("No part is judged otherwise.", "没有零件的判定发生变化。"),
    "card_in_service": Text("Card of the model in service", "当前模型说明"),
    "card_candidate": Text("Card of the candidate", "候选模型说明"),
    "no_card": Text("No card", "无说明"),
    "why_golden_missing": Text("Needs golden parts, at least a good and a bad one.", "需要标准件：至少一个合格件和一个缺陷件。"),
    "why_unchecked": Text("Not checked yet.", "尚未检验。"),
    "why_checked_against_another": Text(
        "Was checked against another model than serves now: check it again.", "检验时的对比模型已不是当前模型：请重新检验。"
    ),
    "why_golden_changed": Text("Golden parts changed since it was checked: check it again.", "检验后标准件有变化：请重新检验。"),
    "why_golden_wrong": Text("Judges golden parts wrong.", "标准件判定有误。"),
    "why_serves_already": Text("Serves already.", "已在使用。"),
    "devices": Text("Devices and their clocks", "设备与时钟"),
    "never": Text("never", "从未"),
    "last_sign_of_life": Text("Last sign of life: {when}", "最后信号：{when}"),
    "no_devices": Text("The station has told nothing of its devices yet", "工位尚未上报设备信息"),
    "last_level": Text("Last level", "最近数值"),
    "drift": Text("Drift", "漂移"),
    "clock_offset": Text("Offset", "偏移"),
    "clock_uncertainty": Text("Uncertainty", "不确定度"),
    "drops_in_parts": Text("Dropped / in parts", "丢弃 / 零件内"),
    "age": Text("Age", "数据时效"),
    "devices_hint": Text(
        "Sync error: median and largest of the newest 100 parts. Dropped: readings since the station was started, and those missing in "
        "the newest 100 parts. A dash: not told, or the device is stamped by the station's own clock.",
        "同步误差：最近 100 个零件的中位数与最大值。丢弃：工位启动以来丢弃的读数，以及最近 100 个零件中缺失的读数。"
        "短横线表示未上报，或设备直接使用工位时钟。",
    ),
    "state_ok": Text("well", "正常"),
    "state_stale": Text("stale", "数据过旧"),
    "state_missing": Text("missing", "缺失"),
    "state_unknown": Text("not told", "未上报"),
    "last_pictures": Text("Last pictures", "最近图像"),
    "clock_ledger": Text("Over days", "历史记录"),
    "span": Text("Span", "时段"),
    "one_day": Text("1 day", "1 天"),
    "one_week": Text("7 days", "7 天"),
    "four_weeks": Text("28 days", "28 天"),
    "sync_over_days": Text("Largest sync error", "最大同步误差"),
    "drift_over_days": Text("Drift of the clocks", "时钟漂移"),
    "offset_over_days": Text("Offset of the clocks", "时钟偏移"),
    "drops_over_days": Text("Dropped readings since the start", "启动以来丢弃的读数"),
    "not_recorded": Text("Not recorded in this span: {what}.", "该时段未记录：{what}。"),
    "ledger_since": Text("Clocks and drops are kept once an hour, here since {when}.", "时钟与丢弃数每小时记录一次，自 {when} 起。"),
    "ledger_hint": Text(
        "Sync error is that of up to 12 parts of each day. Sound and picture levels of earlier parts are not kept in the ledger; each "
        "part's page has its own.",
        "同步误差取自每天最多 12 个零件。历史记录不含早先的声音与图像数值，请查看各零件页面。",
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

DONE: dict[str, Text] = {
    "person added": Text("added", "添加"),
    "person removed": Text("removed", "删除"),
    "person locked": Text("locked out", "停用"),
    "person unlocked": Text("let in again", "恢复登录"),
    "password changed": Text("password changed", "更改密码"),
    "badge changed": Text("badge changed", "更改工牌"),
    "role granted": Text("role given", "授予角色"),
    "role revoked": Text("role taken", "收回角色"),
    "signed in": Text("signed in", "登录"),
    "acted by badge": Text("acted by badge", "刷工牌操作"),
    "client added": Text("token made", "生成令牌"),
    "client changed": Text("rights changed", "更改权限"),
    "client removed": Text("token revoked", "吊销令牌"),
}

STAGES: dict[str, Text] = {
    "align": Text("align", "对齐"),
    "features": Text("features", "特征"),
    "judge": Text("judge", "判定"),
    "localize": Text("localize", "定位"),
    "looks": Text("note its looks", "记录外观特征"),
    "diagnose": Text("diagnose", "诊断"),
    "suggest": Text("suggest", "建议"),
}


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


def in_words(remark: str, language: Language) -> str:
    """Return what the inspector remarked of a signal or a verdict, in `language`."""
    return remarks.said(remark, language, lambda channel: channel_name(channel, language))


def done_name(action: str, language: Language) -> str:
    """Return what the audit log's action is called."""
    return _name(DONE, action, language)


def all_words(language: Language) -> dict[str, str]:
    """Return every word of one language, for the parts of the screen that speak without the server."""
    return {key: in_language(text, language) for key, text in WORDS.items()}


def _name(names: dict[str, Text], name: str | None, language: Language) -> str:
    if not name:
        return ""
    return in_language(names[name], language) if name in names else name.replace("_", " ")
