import zipfile
from pathlib import Path

import pytest

from inspector.errors import DataError
from inspector.knowledge.packs import PackFile, read_pack, write_pack
from inspector.parts import Case, Fix, Parameter, Text

ABOUT = PackFile(name="press-40t", machine="40 t press")
FIXES = [
    Fix("tighten", Text("Tighten, then\nlook", "张紧"), ("belt_slip",), ("scratch",), (Parameter("t", 0.5, "MPa", 0.4, 0.6),), 5.0),
    Fix("zero", Text("Zero", "调零"), parameters=(Parameter("offset", -1e-05, "mm", -0.5, 0.5),), station="s1"),
]
CASES = [Case("c1", "squeal", "tighten", "tighten", station="s1", helped=True, who="mei")]


@pytest.mark.parametrize("name", ["pack", "pack.zip"])
def test_a_pack_comes_back_without_people_and_with_foreign_stations(tmp_path: Path, name: str) -> None:
    write_pack(tmp_path / name, ABOUT, FIXES, CASES)
    pack = read_pack(tmp_path / name)
    assert pack.about == ABOUT
    assert pack.fixes[0] == FIXES[0]
    assert (pack.fixes[1].station, pack.fixes[1].parameters) == ("press-40t:s1", FIXES[1].parameters)
    assert pack.table.cases == (Case("press-40t:c1", "squeal", "tighten", "tighten", station="press-40t:s1", helped=True),)


def test_what_is_no_pack_is_named(tmp_path: Path) -> None:
    (tmp_path / "torn.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match="is not a whole ZIP file"):
        read_pack(tmp_path / "torn.zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme", "")
    with pytest.raises(DataError, match="is no knowledge pack"):
        read_pack(tmp_path / "other.zip")
    write_pack(tmp_path / "folder", ABOUT, [], [])
    (tmp_path / "folder" / "pack.yaml").write_text("name: x\nmachine: y\nlicence: z\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"pack\.yaml: licence: extra inputs"):
        read_pack(tmp_path / "folder")
