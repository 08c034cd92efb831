import pytest

from inspector.errors import StoreError
from inspector.store import Store, spoken

WEBM = b"\x1a\x45\xdf\xa3" + bytes(100)


@pytest.fixture
def store(new_home):
    with Store.open(new_home) as opened:
        yield opened


@pytest.mark.parametrize(
    ("content", "ending"), [(WEBM, ".webm"), (b"OggS" + bytes(9), ".ogg"), (b"\0\0\0\x1cftypiso5", ".mp4")], ids=["webm", "ogg", "mp4"]
)
def test_a_recording_is_known_by_what_it_holds(content, ending):
    assert spoken.kind_of(content) == ending


@pytest.mark.parametrize("content", [b"", b"<script>", b"RIFF", b"\x1a\x45", WEBM + bytes(spoken.MOST_BYTES)], ids=range(5))
def test_what_is_no_recording_or_too_long_is_refused(content):
    with pytest.raises(StoreError, match="a spoken note"):
        spoken.kind_of(content)


def test_it_lies_with_its_part_under_a_name_of_ours_and_the_log_holds_its_hash(store, made_line):
    inspection_id = store.add(made_line.inspection(5, fault=made_line.FAULTS[0]))
    told = store.keep_spoken(inspection_id, WEBM)
    assert store.keep_spoken(inspection_id, WEBM) == told
    store.add_feedback(inspection_id, "note", who="mei", detail={"recording": told})
    folder = store.get(inspection_id).folder
    assert {name: path.read_bytes() for name, path in spoken.recordings(folder).items()} == {told["name"]: WEBM}
    assert store.audit.entries(action="answered")[0].detail["detail"]["recording"]["sha256"] == told["sha256"]
    assert spoken.recordings(folder / "nothing") == {}


def test_a_full_disk_is_told(store, made_line, monkeypatch):
    inspection_id = store.add(made_line.inspection(6))
    (store.evidence_folder(inspection_id) / "spoken").write_bytes(b"in the way")
    with pytest.raises(StoreError, match="cannot be written"):
        store.keep_spoken(inspection_id, WEBM)
