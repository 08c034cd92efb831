import time

from dashboards import kept_replays


def test_a_recording_that_cannot_be_read_is_told_and_nothing_is_kept(store, tmp_path):
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "night.mcap").write_bytes(b"no recording")
    recordings = kept_replays.recordings()
    assert list(recordings) == ["night.mcap"]
    name = kept_replays.start(recordings["night.mcap"], ["--compare-threshold", "0.5"])
    end_s = time.monotonic() + 60
    while "error" not in (told := kept_replays.progress(name, recordings["night.mcap"])) and time.monotonic() < end_s:
        time.sleep(0.1)
    assert "night.mcap" in told["error"]
    assert kept_replays.names() == []
    kept_replays._running[name].wait(60)


def test_the_models_that_ship_can_be_chosen(store):
    assert "demo-press 1.0.0" in kept_replays.models()
