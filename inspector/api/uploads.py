"""Files that clients send or refer to: taken only in kinds that are read, and only as large as they may become.

A file is known by its first bytes, not by what it is called; what a client calls it never becomes a path. What would grow beyond
its limit on being opened (a bomb) is refused before it is.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from inspector.api.refusals import Refused

if TYPE_CHECKING:
    from inspector.parts import Modality

MAX_PICTURE_MPX = 120
MAX_OPENED_MB = 512
_BYTES_A_SAMPLE = 4

_STARTS: Mapping[bytes, str] = {
    b"\x89PNG\r\n\x1a\n": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"II*\x00": ".tiff",
    b"MM\x00*": ".tiff",
    b"BM": ".bmp",
    b"RIFF": ".wav",
    b"fLaC": ".flac",
    b"PK\x03\x04": ".npz",
    b"\x1f\x8b": ".csv.gz",
}
KINDS: Mapping[Modality, tuple[str, ...]] = {
    "image": (".png", ".jpg", ".tiff", ".bmp"),
    "audio": (".wav", ".flac"),
    "vibration": (".npz", ".wav", ".flac"),
    "series": (".csv", ".csv.gz"),
}


def checked_kind(modality: Modality, content: bytes) -> str:
    """Return the ending of a file by what it holds. Raises Refused where it is no kind of `modality`, or would grow too large."""
    kind = next((ending for start, ending in _STARTS.items() if content.startswith(start)), None)
    if kind is None and modality == "series" and _is_text(content):
        kind = ".csv"
    if kind not in KINDS[modality]:
        raise Refused(415, f"{modality}: is none of {', '.join(KINDS[modality])}")
    if kind in (".wav", ".flac"):
        _refuse_large_sound(modality, content)
    elif kind == ".npz":
        _refuse_large_archive(content)
    elif kind == ".csv.gz":
        _refuse_large_gzip(content)
    elif modality == "image":
        _refuse_large_picture(content)
    return kind


def saved(folder: Path, contents: Mapping[Modality, bytes]) -> dict[Modality, Path]:
    """Write checked files under names of our own; return them by modality. Raises Refused."""
    files: dict[Modality, Path] = {}
    for modality, content in contents.items():
        path = folder / f"{modality}{checked_kind(modality, content)}"
        path.write_bytes(content)
        files[modality] = path
    return files


def referred(inbox: Path, reference: str, limit_bytes: int) -> bytes:
    """Return what lies under `reference` in the folder for references. Raises Refused for what lies elsewhere."""
    root = inbox.resolve()
    try:
        path = (root / reference).resolve()
        if not path.is_relative_to(root) or not path.is_file():
            raise Refused(404, f"there is no file '{reference}' in the folder for references")
        if path.stat().st_size > limit_bytes:
            raise Refused(413, f"'{reference}' is larger than {limit_bytes / 1e6:g} MB")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise Refused(404, f"'{reference}' cannot be read in the folder for references") from error


def _is_text(content: bytes) -> bool:
    try:
        return bool(content) and "\0" not in content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False


def _refuse_large_picture(content: bytes) -> None:
    try:
        with Image.open(BytesIO(content)) as picture:
            width, height = picture.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refused(413, f"image: has more than {MAX_PICTURE_MPX} megapixels") from error
    except (OSError, ValueError, SyntaxError, TypeError, zlib.error, OverflowError, EOFError) as error:
        raise Refused(422, "image: cannot be decoded as a picture") from error
    if width * height > MAX_PICTURE_MPX * 1e6:
        raise Refused(413, f"image: has more than {MAX_PICTURE_MPX} megapixels")


def _refuse_large_sound(modality: Modality, content: bytes) -> None:
    """Refuse what unpacks to too much: silence shrinks ten-thousandfold. No more is ever read than the header says."""
    import soundfile

    try:
        told = soundfile.info(BytesIO(content))
    except (soundfile.LibsndfileError, RuntimeError, ValueError) as error:
        raise Refused(422, f"{modality}: cannot be read as WAV or FLAC") from error
    if told.frames * told.channels * _BYTES_A_SAMPLE > MAX_OPENED_MB * 1e6:
        raise Refused(413, f"{modality}: holds more than {MAX_OPENED_MB} MB of samples")


def _refuse_large_archive(content: bytes) -> None:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            opened = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise Refused(422, "vibration: cannot be read as an .npz archive") from error
    if opened > MAX_OPENED_MB * 1e6:
        raise Refused(413, f"vibration: holds more than {MAX_OPENED_MB} MB")


def _refuse_large_gzip(content: bytes) -> None:
    opened = 0
    try:
        with gzip.open(BytesIO(content)) as file:
            while chunk := file.read(1 << 20):
                opened += len(chunk)
                if opened > MAX_OPENED_MB * 1e6:
                    raise Refused(413, f"series: holds more than {MAX_OPENED_MB} MB")
    except (OSError, EOFError, zlib.error) as error:
        raise Refused(422, "series: cannot be unpacked") from error
