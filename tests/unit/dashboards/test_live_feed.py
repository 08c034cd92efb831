import time

from dashboards import live_feed
from dashboards.live_feed import Pulse
from inspector.monitoring.watching import Watch

STATION = "demo-press"


class Clocks:
    def __init__(self):
        self.now_s = 100.0
        self.wall_ns = 1_700_000_000_000_000_000

    def pass_s(self, seconds):
        self.now_s += seconds
        self.wall_ns += int(seconds * 1e9)

    def pulse(self):
        return Pulse(STATION, monotonic_s=lambda: self.now_s, wall_ns=lambda: self.wall_ns)


def test_a_line_grows_quiet_and_comes_back(store):
    clocks = Clocks()
    pulse = clocks.pulse()
    store.beat(STATION, clocks.wall_ns, {})
    assert pulse.look().quiet_s == 0
    clocks.pass_s(3)
    assert pulse.look().quiet_s == 3
    store.beat(STATION, clocks.wall_ns, {})
    clocks.pass_s(0.1)
    assert pulse.look().quiet_s == 0


def test_a_part_is_a_sign_of_life_too(store, made_line):
    clocks = Clocks()
    pulse = clocks.pulse()
    store.beat(STATION, clocks.wall_ns, {})
    pulse.look()
    clocks.pass_s(5)
    inspection_id = store.add(made_line.inspection(1))
    sign = pulse.look()
    assert (sign.latest_id, sign.quiet_s) == (inspection_id, 0)


def test_the_first_look_tells_how_long_the_line_has_been_dead(store):
    clocks = Clocks()
    store.beat(STATION, clocks.wall_ns - 90 * 10**9, {})
    assert clocks.pulse().look().quiet_s == 90


def test_a_wrong_clock_of_the_line_does_not_cover_a_living_screen(store):
    clocks = Clocks()
    pulse = clocks.pulse()
    for _ in range(3):
        store.beat(STATION, clocks.wall_ns - 3600 * 10**9, {})
        pulse.look()
        clocks.pass_s(1)
    assert pulse.look().quiet_s <= 1


def test_many_screens_cost_one_read(store, monkeypatch):
    clocks = Clocks()
    pulse = clocks.pulse()
    reads = []
    monkeypatch.setattr(live_feed.queries, "latest_id", lambda station: reads.append(station))
    for _ in range(10):
        pulse.look()
    assert len(reads) == 1


def test_news_is_what_came_after(store, made_line):
    pulse = Pulse(STATION)
    failed = store.add(made_line.inspection(1, fault=made_line.FAULTS[0]))
    first = live_feed.news(pulse, None)
    assert (first["reset"], first["part"]["id"], first["finding"]["id"]) == (True, failed, failed)
    passed = store.add(made_line.inspection(2))
    second = live_feed.news(pulse, failed)
    assert second["reset"] is False
    assert [tile["id"] for tile in second["strip"]] == [passed]
    assert second["part"]["id"] == passed
    assert second["finding"] is None


def test_a_finding_is_told_even_when_newer_parts_passed(store, made_line):
    before = store.add(made_line.inspection(1))
    failed = store.add(made_line.inspection(2, fault=made_line.FAULTS[1]))
    newest = store.add(made_line.inspection(3))
    told = live_feed.news(Pulse(STATION), before)
    assert (told["part"]["id"], told["finding"]["id"]) == (newest, failed)


def test_an_empty_station_is_no_error(store):
    told = live_feed.news(Pulse("elsewhere"), None)
    assert (told["strip"], told["part"], told["finding"]) == ([], None, None)


def test_a_part_is_told_in_both_languages_with_all_that_belongs_to_it(store, made_line):
    inspection_id = store.add(made_line.inspection(5, fault=made_line.FAULTS[0]))
    part = live_feed.part_view(inspection_id)
    assert part["picture"] == f"/parts/{inspection_id}/picture/camera.jpg"
    assert part["heat"] == f"/parts/{inspection_id}/heat/camera.png"
    assert part["defects"][0]["kind"] == {"en": "Scratch", "zh": "划痕"}
    assert part["cause"]["title"] == {"en": "Belt slip", "zh": "皮带打滑"}
    assert part["suggestion"]["parameters"][0]["title"]["zh"] == "皮带张紧力"
    assert part["conclusion"]["zh"]


def test_why_a_part_needs_a_person_is_told_in_both_languages(store, made_line):
    part = live_feed.part_view(store.add(made_line.inspection(16, outcome="review", missing=("microphone",))))
    (reason,) = part["reasons"]
    assert reason == {
        "en": "score 0.55 lies between 0.42 and 0.7: a person must look",
        "zh": "得分 0.55 介于 0.42 与 0.7 之间，需要人工查看",
    }
    assert part["degraded"]["microphone"]["zh"] == "零件窗口内无采样"
    (lamp,) = live_feed.lamps({"mic": {"state": "stale", "reason": "last data 2.5 s ago"}})
    assert lamp["reason"]["zh"] == "最后的数据在 2.5 s 前"


def test_a_part_that_passed_has_no_heat_map(store, made_line):
    part = live_feed.part_view(store.add(made_line.inspection(1)))
    assert (part["heat"], part["suggestion"], part["cause"]) == (None, None, None)


def test_what_acts_together_is_said_with_the_leading_cause_first(store, made_line):
    part = live_feed.part_view(store.add(made_line.inspection(5, fault=made_line.FAULTS[0])))
    assert part["together"] == {"en": "Belt slip + Bearing wear", "zh": "皮带打滑 + 轴承磨损"}
    assert part["escalation"]["en"].startswith("third time")
    assert part["sound"].endswith("/sound/microphone.flac")
    assert [cause["name"] for cause in part["causes"]] == ["belt_slip", "bearing_wear", "not_measured"]


def test_a_wall_is_told_of_each_station(store, made_line):
    store.beat(STATION, time.time_ns(), {"camera": {"state": "ok"}})
    inspection_id = store.add(made_line.inspection(5, fault=made_line.FAULTS[0]))
    Watch(store, STATION).look()
    pulses = [Pulse(STATION), Pulse("elsewhere")]
    signs = [pulse.look() for pulse in pulses]
    told = [live_feed.wall_news(pulse, sign) for pulse, sign in zip(pulses, signs, strict=True)]
    assert [one["part"] and one["part"]["id"] for one in told] == [inspection_id, None]
    beats = live_feed.wall_beat(pulses, signs)
    assert [alarm["title"]["en"] for alarm in beats[STATION]["alarms"]["announced"]] == ["Belt slip"]
    assert beats["elsewhere"]["alarms"]["announced"] == []


def test_counts_are_of_this_shift(store, made_line):
    store.add(made_line.inspection(1))
    store.add(made_line.inspection(2, wall_utc_ns=time.time_ns() - 9 * 3600 * 10**9))
    assert Pulse(STATION).shift_counts()["pass"] == 1


def test_lamps_understand_what_a_station_says():
    told = live_feed.lamps({"camera": {"state": "ok"}, "mic": {"state": "odd", "drops": 3, "reason": None}, "note": "text"})
    assert [(lamp["channel"], lamp["state"], lamp["drops"]) for lamp in told] == [("camera", "ok", 0), ("mic", "unknown", 3)]
