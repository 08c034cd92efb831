"""What the kinds, causes, channels, settings, deeds and stages that the product knows are called."""

from inspector.parts import Text

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
