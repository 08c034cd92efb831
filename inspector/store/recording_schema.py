"""The messages of a recording, and how signals become messages.

    topic                 schema                     one message is
    /<channel>            foxglove.CompressedImage   a picture (png, or jpeg where asked for)
    /<channel>            foxglove.RawAudio          up to 100 ms of sound; pcm-s16 where that is exact, else pcm-f32
    /<channel>            inspector.WaveformBlock    up to 100 ms of another waveform
    /<channel>            inspector.SeriesBlock      the values that are new since the part before
    /captures             inspector.Capture (JSON)   one part: its trigger, and which span of which blocks is its own
    /truth                inspector.Truth (JSON)     what is really so of a part, where that is known

Blocks are numbered per channel by the `sequence` of their message. `log_time` is wall time, for viewers; exact instants on the
station's clock stand in the capture and in the blocks themselves.
"""

from __future__ import annotations

import json
from typing import Any, Literal

import numpy as np
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
from foxglove_schemas_protobuf.RawAudio_pb2 import RawAudio
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.timestamp_pb2 import Timestamp
from numpy.typing import NDArray

from inspector.errors import RecordingError
from inspector.parts import Series, Waveform

CAPTURES_TOPIC = "/captures"
TRUTH_TOPIC = "/truth"
PCM_S16 = "pcm-s16"
PCM_F32 = "pcm-f32"
S16_SCALE = 32768.0

PictureFormat = Literal["png", "jpeg"]

_FIELD = descriptor_pb2.FieldDescriptorProto
_NUMBERS = {"samples": _FIELD.TYPE_FLOAT, "t_ns": _FIELD.TYPE_SFIXED64, "values": _FIELD.TYPE_DOUBLE}
_BLOCKS: dict[str, dict[str, Any]] = {
    "WaveformBlock": {"start_ns": _FIELD.TYPE_SFIXED64, "sample_rate_hz": _FIELD.TYPE_DOUBLE, "unit": _FIELD.TYPE_STRING, "samples": None},
    "SeriesBlock": {"unit": _FIELD.TYPE_STRING, "t_ns": None, "values": None},
}


def _block_file(*, numbers_as_bytes: bool) -> descriptor_pb2.FileDescriptorProto:
    """Return the declaration of our own blocks.

    On the wire packed numbers are one run of little-endian bytes. Viewers are told of packed numbers, our own code of bytes: the same
    message without a Python object per sample.
    """
    name = "blocks_as_bytes" if numbers_as_bytes else "blocks"
    file = descriptor_pb2.FileDescriptorProto(name=f"inspector/{name}.proto", package="inspector", syntax="proto3")
    if numbers_as_bytes:
        file.package = "inspector.wire"
    for message_name, fields in _BLOCKS.items():
        message = file.message_type.add(name=message_name)
        for number, (field_name, kind) in enumerate(fields.items(), start=1):
            field = message.field.add(name=field_name, number=number, label=_FIELD.LABEL_OPTIONAL)
            if kind is not None:
                field.type = kind
            elif numbers_as_bytes:
                field.type = _FIELD.TYPE_BYTES
            else:
                field.type, field.label = _NUMBERS[field_name], _FIELD.LABEL_REPEATED
    return file


_wire = descriptor_pool.DescriptorPool().AddSerializedFile(_block_file(numbers_as_bytes=True).SerializeToString())
_WaveformBlock: Any = message_factory.GetMessageClass(_wire.message_types_by_name["WaveformBlock"])
_SeriesBlock: Any = message_factory.GetMessageClass(_wire.message_types_by_name["SeriesBlock"])

_CAPTURE_SCHEMA = {
    "title": "inspector.Capture",
    "type": "object",
    "properties": {
        "station": {"type": "string"},
        "part_id": {"type": "string"},
        "t_ns": {"type": "integer", "description": "instant of the trigger on the station's clock"},
        "wall_utc_ns": {"type": "integer"},
        "drops": {"type": "object", "additionalProperties": {"type": "integer"}},
        "frames": {"type": "object", "description": "channel -> block, t_ns"},
        "waveforms": {"type": "object", "description": "channel -> span of blocks, start_ns, sample_rate_hz, unit"},
        "series": {"type": "object", "description": "channel -> span of blocks, unit"},
    },
}
_TRUTH_SCHEMA = {
    "title": "inspector.Truth",
    "type": "object",
    "properties": {
        "part_id": {"type": "string"},
        "label": {"type": "string"},
        "cause": {"type": ["string", "null"]},
        "severity": {"type": "number"},
        "mask_png": {"type": "string", "contentEncoding": "base64"},
    },
}


def schemas() -> dict[str, tuple[str, bytes]]:
    """Return schema name -> (encoding, data) of all messages."""
    own = descriptor_pb2.FileDescriptorSet(file=[_block_file(numbers_as_bytes=False)]).SerializeToString()
    return {
        "foxglove.CompressedImage": ("protobuf", _file_set(CompressedImage.DESCRIPTOR.file)),
        "foxglove.RawAudio": ("protobuf", _file_set(RawAudio.DESCRIPTOR.file)),
        "inspector.WaveformBlock": ("protobuf", own),
        "inspector.SeriesBlock": ("protobuf", own),
        "inspector.Capture": ("jsonschema", json.dumps(_CAPTURE_SCHEMA).encode()),
        "inspector.Truth": ("jsonschema", json.dumps(_TRUTH_SCHEMA).encode()),
    }


def _file_set(file: FileDescriptor) -> bytes:
    """Return a file and all that it imports, imports first, as viewers ask for it."""
    files = descriptor_pb2.FileDescriptorSet()
    seen: set[str] = set()

    def add(one: FileDescriptor) -> None:
        if one.name in seen:
            return
        seen.add(one.name)
        for dependency in one.dependencies:
            add(dependency)
        one.CopyToProto(files.file.add())

    add(file)
    return bytes(files.SerializeToString())


# --- pictures


def encode_picture(pixels: NDArray[Any], name: str, picture_format: PictureFormat, wall_ns: int) -> bytes:
    """Return a foxglove.CompressedImage; a 16-bit picture stays PNG, as JPEG cannot hold it."""
    lossless = picture_format == "png" or pixels.dtype != np.uint8
    image = CompressedImage(timestamp=_timestamp(wall_ns), frame_id=name, format="png" if lossless else "jpeg")
    image.data = png(pixels) if lossless else _jpeg(pixels)
    return bytes(image.SerializeToString())


def decode_picture(data: bytes) -> NDArray[Any]:
    """Return the pixels, grey or RGB. Raises RecordingError."""
    return picture_of(CompressedImage.FromString(data).data)


def png(pixels: NDArray[Any]) -> bytes:
    """Return a PNG. OpenCV's own choice (one filter, run lengths) is twice as fast as any zlib level and as small on real pictures."""
    return _encoded(".png", pixels, [])


def picture_of(encoded: bytes) -> NDArray[Any]:
    """Return the pixels of an encoded picture, grey or RGB, 8 or 16 bit. Raises RecordingError."""
    import cv2

    pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise RecordingError("a picture cannot be decoded")
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[:, :, 2::-1])


def _jpeg(pixels: NDArray[Any]) -> bytes:
    import cv2

    return _encoded(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])


def _encoded(extension: str, pixels: NDArray[Any], options: list[int]) -> bytes:
    import cv2

    ordered = pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[:, :, ::-1])
    done, data = cv2.imencode(extension, ordered, options)
    if not done:
        raise RecordingError(f"a picture of {pixels.shape} {pixels.dtype} cannot be encoded")
    return bytes(data.tobytes())


# --- waveforms and series


def encode_sound(wave: Waveform, wall_ns: int) -> bytes:
    """Return a foxglove.RawAudio: 16 bit where the samples came from 16 bit, as all players know it, else float."""
    pcm = np.round(wave.samples * S16_SCALE)
    exact = (
        bool(np.all(np.abs(pcm) < S16_SCALE))
        and np.array_equal((pcm / S16_SCALE).astype(np.float32), wave.samples)
        and not _signed_zeros(wave)
    )
    data = pcm.astype("<i2").tobytes() if exact else wave.samples.astype("<f4").tobytes()
    sound = RawAudio(timestamp=_timestamp(wall_ns), data=data, format=PCM_S16 if exact else PCM_F32)
    sound.sample_rate, sound.number_of_channels = round(wave.sample_rate_hz), 1
    return bytes(sound.SerializeToString())


def decode_sound(data: bytes) -> NDArray[np.float32]:
    sound = RawAudio.FromString(data)
    if sound.format == PCM_S16:
        return (np.frombuffer(sound.data, "<i2") / S16_SCALE).astype(np.float32)
    return np.frombuffer(sound.data, "<f4")


def encode_waveform(wave: Waveform) -> bytes:
    block = _WaveformBlock(start_ns=wave.start_ns, sample_rate_hz=wave.sample_rate_hz, unit=wave.unit)
    block.samples = wave.samples.astype("<f4").tobytes()
    return bytes(block.SerializeToString())


def decode_waveform(data: bytes) -> NDArray[np.float32]:
    return np.frombuffer(_WaveformBlock.FromString(data).samples, "<f4")


def encode_series(series: Series) -> bytes:
    block = _SeriesBlock(unit=series.unit, t_ns=series.t_ns.astype("<i8").tobytes(), values=series.values.astype("<f8").tobytes())
    return bytes(block.SerializeToString())


def decode_series(data: bytes) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    block = _SeriesBlock.FromString(data)
    return np.frombuffer(block.t_ns, "<i8"), np.frombuffer(block.values, "<f8")


def _signed_zeros(wave: Waveform) -> bool:
    """Say whether a sample is -0.0, which whole numbers cannot hold."""
    return bool(np.any(np.signbit(wave.samples) & (wave.samples == 0)))


def _timestamp(wall_ns: int) -> Timestamp:
    return Timestamp(seconds=wall_ns // 10**9, nanos=wall_ns % 10**9)
