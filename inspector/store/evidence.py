"""Evidence files of one part: pictures, heat maps, sound, waveforms, series. A folder is there whole or not at all.

<camera>.jpg        8 bit; a 16-bit picture is scaled by its brightest pixel
<camera>.heat.png   8-bit grey, the size of the picture
<camera>.good.jpeg  thumbnail of the remembered good part that looks most like it
<channel>.flac      sound, to listen to
<channel>.npz       samples (float32), sample_rate_hz, start_s (from the trigger), unit
series.npz          <channel>.t_s (from the trigger), <channel>.values, <channel>.unit
"""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from inspector.errors import StoreError
from inspector.parts import Frame, Inspection, Series, Waveform
from inspector.store.results import StoredEvidence

_SERIES_FILE = "series.npz"
_FLAC_RATE_LIMIT_HZ = 655_350  # of the format (RFC 9639, section 9.1.2)


def write_evidence(folder: Path, inspection: Inspection) -> None:
    """Write the evidence of `inspection` as `folder`, which appears only when all is written. Raises StoreError."""
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        partial.mkdir(parents=True, exist_ok=True)
        for name, content in _files(inspection):
            (partial / name).write_bytes(content)
        partial.rename(folder)
    except (OSError, ValueError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise StoreError(f"{folder}: evidence cannot be written: {getattr(error, 'strerror', None) or error}") from error


def load_evidence(folder: Path) -> StoredEvidence:
    """Read what is kept of one part; empty where nothing is. Raises StoreError when a file is damaged."""
    pictures = {_channel(path.name, ".jpg"): path for path in sorted(folder.glob("*.jpg"))}
    heat_maps = {_channel(path.name, ".heat.png"): path for path in sorted(folder.glob("*.heat.png"))}
    sounds = {_channel(path.name, ".flac"): path for path in sorted(folder.glob("*.flac"))}
    waveforms = {_channel(path.name, ".npz"): _waveform(path) for path in sorted(folder.glob("*.npz")) if path.name != _SERIES_FILE}
    return StoredEvidence(pictures, heat_maps, sounds, waveforms, _series(folder / _SERIES_FILE))


# --- writing -------------------------------------------------------------------------------------------------------------------


def _files(inspection: Inspection) -> list[tuple[str, bytes]]:
    record, trigger_ns = inspection.record, inspection.record.trigger.t_ns
    files = [(_file_name(name, ".jpg"), _jpeg(frame)) for name, frame in record.frames.items()]
    files += [(_file_name(m.camera, ".heat.png"), _heat_png(m.values)) for m in inspection.heat_maps]
    files += [(_file_name(good.camera, ".good.jpeg"), _jpeg(Frame(0, good.pixels))) for good in inspection.good_parts]
    for name, waveform in record.waveforms.items():
        if record.channels[name].modality == "audio" and _fits_flac(waveform):
            files.append((_file_name(name, ".flac"), _flac(waveform)))
        files.append((_file_name(name, ".npz"), _npz(_waveform_arrays(waveform, trigger_ns))))
    if record.series:
        files.append((_SERIES_FILE, _npz(_series_arrays(record.series, trigger_ns))))
    return files


def _jpeg(frame: Frame) -> bytes:
    pixels: NDArray[Any] = frame.pixels
    if pixels.dtype == np.uint16:
        pixels = (pixels * (255.0 / max(int(pixels.max()), 1))).astype(np.uint8)
    return _encoded(".jpg", pixels[..., ::-1] if pixels.ndim == 3 else pixels, {"IMWRITE_JPEG_QUALITY": 92})


def _heat_png(values: NDArray[np.float32]) -> bytes:
    grey = np.rint(np.clip(np.nan_to_num(values), 0, 1) * 255).astype(np.uint8)
    return _encoded(".png", grey, {"IMWRITE_PNG_COMPRESSION": 1})


def _encoded(extension: str, pixels: NDArray[Any], options: Mapping[str, int]) -> bytes:
    import cv2

    flags = [number for name, value in options.items() for number in (getattr(cv2, name), value)]
    try:
        done, content = cv2.imencode(extension, np.ascontiguousarray(pixels), flags)
    except cv2.error as error:
        raise ValueError(f"a picture of shape {pixels.shape} cannot be encoded as {extension}") from error
    if not done:
        raise ValueError(f"a picture of shape {pixels.shape} cannot be encoded as {extension}")
    return bytes(content.tobytes())


def _fits_flac(waveform: Waveform) -> bool:
    rate = waveform.sample_rate_hz
    return len(waveform.samples) > 0 and float(rate).is_integer() and 1 <= rate <= _FLAC_RATE_LIMIT_HZ


def _flac(waveform: Waveform) -> bytes:
    import soundfile

    content = io.BytesIO()
    samples = np.clip(np.nan_to_num(waveform.samples), -1, 1)
    try:
        soundfile.write(content, samples, int(waveform.sample_rate_hz), format="FLAC", subtype="PCM_16")
    except soundfile.LibsndfileError as error:
        raise ValueError(f"sound cannot be encoded: {error}") from error
    return content.getvalue()


def _waveform_arrays(waveform: Waveform, trigger_ns: int) -> dict[str, Any]:
    return {
        "samples": waveform.samples.astype(np.float32),
        "sample_rate_hz": np.float64(waveform.sample_rate_hz),
        "start_s": np.float64((waveform.start_ns - trigger_ns) / 1e9),
        "unit": np.str_(waveform.unit),
    }


def _series_arrays(series: Mapping[str, Series], trigger_ns: int) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    for name, one in series.items():
        arrays[f"{name}.t_s"] = (one.t_ns - trigger_ns) / 1e9
        arrays[f"{name}.values"] = one.values
        arrays[f"{name}.unit"] = np.str_(one.unit)
    return arrays


def _npz(arrays: Mapping[str, Any]) -> bytes:
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    return content.getvalue()


# --- reading -------------------------------------------------------------------------------------------------------------------


def _waveform(path: Path) -> Waveform:
    arrays = _arrays(path, ("samples", "sample_rate_hz", "start_s", "unit"))
    start_ns = round(float(arrays["start_s"]) * 1e9)
    return Waveform(start_ns, float(arrays["sample_rate_hz"]), arrays["samples"], str(arrays["unit"]))


def _series(path: Path) -> dict[str, Series]:
    if not path.is_file():
        return {}
    arrays = _arrays(path, ())
    names = [key.removesuffix(".t_s") for key in arrays if key.endswith(".t_s")]
    return {
        name: Series(
            np.rint(arrays[f"{name}.t_s"] * 1e9).astype(np.int64), arrays[f"{name}.values"].astype(np.float64), str(arrays[f"{name}.unit"])
        )
        for name in names
    }


def _arrays(path: Path, needed: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            arrays = dict(stored)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise StoreError(f"{path}: evidence is damaged: {error}") from error
    if missing := [name for name in needed if name not in arrays]:
        raise StoreError(f"{path}: evidence is damaged: {', '.join(missing)} missing")
    return arrays


# --- names ---------------------------------------------------------------------------------------------------------------------


def _file_name(channel: str, extension: str) -> str:
    """Return a file name that stays inside its folder and is not `series.npz`, whatever the channel is called."""
    if channel + extension == _SERIES_FILE:
        return f"%73{channel[1:]}{extension}"
    escaped = channel.replace("%", "%25").replace("/", "%2F").replace("\\", "%5C").replace("\0", "%00")
    return escaped + extension


def _channel(file_name: str, extension: str) -> str:
    return unquote(file_name.removesuffix(extension))
