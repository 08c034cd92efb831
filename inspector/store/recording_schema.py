"""The messages of a recording, and how signals become messages.

    topic                 schema                     one message is
    /<channel>            foxglove.CompressedImage   a picture as PNG, or JPEG where asked for
    /<channel>            foxglove.RawImage          a picture as it is (mono8, mono16, rgb8), where asked for
    /<channel>            foxglove.RawAudio          up to 100 ms of sound; pcm-s16 where that is exact, else pcm-f32
    /<channel>            inspector.WaveformBlock    up to 100 ms of another waveform, and their `rms` for viewers that plot numbers
    /<channel>            inspector.SeriesBlock      the values that are new since the part before, and the `last` of them for viewers
    /captures             inspector.Capture (JSON)   one part: its trigger, and which span of which blocks is its own
    /truth                inspector.Truth (JSON)     what is really so of a part, where that is known

Blocks are numbered per channel by the `sequence` of their message. `log_time` is wall time, for viewers. Exact instants stand in the
capture and in the blocks themselves, in the stamps of the channel's clock: where a capture has a fit for a channel (`clocks`), that is
the device's own, else the station's. Layout 1 had neither fits, `rms`, `last` nor raw pictures, and reads the same.
"""

from __future__ import annotations

import json
from typing import Any, Literal

import numpy as np
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
from foxglove_schemas_protobuf.RawAudio_pb2 import RawAudio
from foxglove_schemas_protobuf.RawImage_pb2 import RawImage
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.timestamp_pb2 import Timestamp
from numpy.typing import NDArray

from inspector.errors import RecordingError
from inspector.parts import Series

CAPTURES_TOPIC = "/captures"
TRUTH_TOPIC = "/truth"
PCM_S16 = "pcm-s16"
PCM_F32 = "pcm-f32"
S16_SCALE = np.float32(32768.0)
LAYOUT = "2"

PictureFormat = Literal["png", "jpeg", "raw"]
_RAW_ENCODINGS = {(2, "uint8"): "mono8", (2, "uint16"): "mono16", (3, "uint8"): "rgb8"}
"""(dimensions, type) -> name, as viewers know it; what has none (16-bit colour) is kept as PNG."""
_RAW_KINDS: dict[str, tuple[str, int]] = {"mono8": ("u1", 1), "mono16": ("<u2", 1), "rgb8": ("u1", 3)}
"""Name -> type and values a pixel."""

_FIELD = descriptor_pb2.FieldDescriptorProto
_NUMBERS = {"samples": _FIELD.TYPE_FLOAT, "t_ns": _FIELD.TYPE_SFIXED64, "values": _FIELD.TYPE_DOUBLE}
_BLOCKS: dict[str, dict[str, Any]] = {
    "WaveformBlock": {"start_ns": _FIELD.TYPE_SFIXED64, "sample_rate_hz": _FIELD.TYPE_DOUBLE, "unit": _FIELD.TYPE_STRING}
    | {"samples": None, "rms": _FIELD.TYPE_DOUBLE},
    "SeriesBlock": {"unit": _FIELD.TYPE_STRING, "t_ns": None, "values": None, "last": _FIELD.TYPE_DOUBLE},
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
        "clocks": {"type": "object", "description": "channel -> how its device's clock runs against the station's"},
        "faults": {"type": "object", "description": "channel -> what its device suffered from", "additionalProperties": {"type": "string"}},
        "arrivals": {"type": "object", "description": "channel -> base64 of little-endian int64 pairs: device stamp, arrival"},
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
        "foxglove.RawImage": ("protobuf", _file_set(RawImage.DESCRIPTOR.file)),
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


def encode_picture(pixels: NDArray[Any], name: str, picture_format: PictureFormat, wall_ns: int) -> tuple[str, bytes]:
    """Return the name of the schema and the message. A picture that the format cannot hold (16 bits as JPEG) is kept as PNG."""
    encoding = _RAW_ENCODINGS.get((pixels.ndim, pixels.dtype.name)) if picture_format == "raw" else None
    if encoding is not None:
        return "foxglove.RawImage", _raw_picture(pixels, name, encoding, wall_ns)
    as_jpeg = picture_format == "jpeg" and pixels.dtype == np.uint8
    image = CompressedImage(timestamp=_timestamp(wall_ns), frame_id=name, format="jpeg" if as_jpeg else "png")
    image.data = jpeg(pixels) if as_jpeg else png(pixels)
    return "foxglove.CompressedImage", bytes(image.SerializeToString())


def _raw_picture(pixels: NDArray[Any], name: str, encoding: str, wall_ns: int) -> bytes:
    height, width = pixels.shape[:2]
    wire = np.ascontiguousarray(pixels, dtype=_RAW_KINDS[encoding][0])
    image = RawImage(timestamp=_timestamp(wall_ns), frame_id=name, width=width, height=height, encoding=encoding, step=wire.strides[0])
    # The pixels go behind the other fields by hand: megabytes are copied once and not three times.
    return b"".join((image.SerializeToString(), _bytes_field(RawImage.DESCRIPTOR.fields_by_name["data"].number, wire.nbytes), wire.data))


def _bytes_field(number: int, length: int) -> bytes:
    """Return what stands before the bytes of a protobuf field."""
    head = bytearray([number << 3 | 2])
    while length >= 128:
        head.append(length & 127 | 128)
        length >>= 7
    head.append(length)
    return bytes(head)


def decode_raw_picture(data: bytes) -> NDArray[Any]:
    """Return the pixels of a foxglove.RawImage."""
    image = RawImage.FromString(data)
    kind, values = _RAW_KINDS[image.encoding]
    shape = (image.height, image.width) if values == 1 else (image.height, image.width, values)
    return np.frombuffer(image.data, kind).reshape(shape).copy()  # as one that was taken: it can be written to


def decode_picture(data: bytes) -> NDArray[Any]:
    """Return the pixels of a foxglove.CompressedImage, grey or RGB. Raises RecordingError."""
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
    if pixels.ndim == 3:
        return cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGB if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB)
    return pixels


def jpeg(pixels: NDArray[Any]) -> bytes:
    """Return a JPEG of good quality; 8 bit only."""
    import cv2

    return _encoded(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])


def _encoded(extension: str, pixels: NDArray[Any], options: list[int]) -> bytes:
    import cv2

    ordered = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(extension, ordered, options)
    if not done:
        raise RecordingError(f"a picture of {pixels.shape} {pixels.dtype} cannot be encoded")
    return bytes(data.tobytes())


# --- waveforms and series


def pcm16(samples: NDArray[np.float32]) -> NDArray[np.int16] | None:
    """Return the samples as 16 bit, as all players know them, where that holds every bit of them: where they came from 16 bit."""
    for some in (samples[:64], samples):  # float sound shows at once that it is
        with np.errstate(invalid="ignore", over="ignore"):
            scaled = some * S16_SCALE
            pcm = scaled.astype("<i2")
        if not np.array_equal(pcm.astype(np.float32).view(np.uint32), scaled.view(np.uint32)):  # as bits: -0.0 is no 0
            return None
    return pcm


def encode_sound(samples: NDArray[np.float32] | NDArray[np.int16], rate_hz: float, wall_ns: int) -> bytes:
    """Return a foxglove.RawAudio of one channel, 16 bit or float as the samples are."""
    is_pcm = samples.dtype == np.int16
    sound = RawAudio(timestamp=_timestamp(wall_ns), format=PCM_S16 if is_pcm else PCM_F32)
    sound.data = samples.astype("<i2" if is_pcm else "<f4", copy=False).tobytes()
    sound.sample_rate, sound.number_of_channels = round(rate_hz), 1
    return bytes(sound.SerializeToString())


def decode_sound(data: bytes) -> NDArray[np.float32]:
    sound = RawAudio.FromString(data)
    if sound.format == PCM_S16:
        return np.frombuffer(sound.data, "<i2").astype(np.float32) / S16_SCALE
    return np.frombuffer(sound.data, "<f4")


def encode_waveform(start_ns: int, rate_hz: float, unit: str, samples: NDArray[np.float32], rms: float) -> bytes:
    block = _WaveformBlock(start_ns=start_ns, sample_rate_hz=rate_hz, unit=unit, rms=rms)
    block.samples = samples.astype("<f4", copy=False).tobytes()
    return bytes(block.SerializeToString())


def decode_waveform(data: bytes) -> NDArray[np.float32]:
    return np.frombuffer(_WaveformBlock.FromString(data).samples, "<f4")


def encode_series(series: Series) -> bytes:
    block = _SeriesBlock(unit=series.unit, last=float(series.values[-1]))
    block.t_ns, block.values = series.t_ns.astype("<i8").tobytes(), series.values.astype("<f8").tobytes()
    return bytes(block.SerializeToString())


def decode_series(data: bytes) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    block = _SeriesBlock.FromString(data)
    return np.frombuffer(block.t_ns, "<i8"), np.frombuffer(block.values, "<f8")


def _timestamp(wall_ns: int) -> Timestamp:
    return Timestamp(seconds=wall_ns // 10**9, nanos=wall_ns % 10**9)
