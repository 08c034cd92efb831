"""What an industrial camera sends, bytes in one of the PFNC's pixel formats, as grey or RGB pixels.

Names and numbers are those of the GenICam Pixel Format Naming Convention (PFNC 2.4); GigE Vision, USB3 Vision, CoaXPress and GenTL
all use them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8] | NDArray[np.uint16]

CODES: dict[str, int] = {
    "Mono8": 0x01080001,
    "Mono10": 0x01100003,
    "Mono10Packed": 0x010C0004,
    "Mono10p": 0x010A0046,
    "Mono12": 0x01100005,
    "Mono12Packed": 0x010C0006,
    "Mono12p": 0x010C0047,
    "Mono14": 0x01100025,
    "Mono16": 0x01100007,
    "BayerGR8": 0x01080008,
    "BayerRG8": 0x01080009,
    "BayerGB8": 0x0108000A,
    "BayerBG8": 0x0108000B,
    "BayerGR10": 0x0110000C,
    "BayerRG10": 0x0110000D,
    "BayerGB10": 0x0110000E,
    "BayerBG10": 0x0110000F,
    "BayerGR10Packed": 0x010C0026,
    "BayerRG10Packed": 0x010C0027,
    "BayerGB10Packed": 0x010C0028,
    "BayerBG10Packed": 0x010C0029,
    "BayerGR10p": 0x010A0056,
    "BayerRG10p": 0x010A0058,
    "BayerGB10p": 0x010A0054,
    "BayerBG10p": 0x010A0052,
    "BayerGR12": 0x01100010,
    "BayerRG12": 0x01100011,
    "BayerGB12": 0x01100012,
    "BayerBG12": 0x01100013,
    "BayerGR12Packed": 0x010C002A,
    "BayerRG12Packed": 0x010C002B,
    "BayerGB12Packed": 0x010C002C,
    "BayerBG12Packed": 0x010C002D,
    "BayerGR12p": 0x010C0057,
    "BayerRG12p": 0x010C0059,
    "BayerGB12p": 0x010C0055,
    "BayerBG12p": 0x010C0053,
    "BayerGR16": 0x0110002E,
    "BayerRG16": 0x0110002F,
    "BayerGB16": 0x01100030,
    "BayerBG16": 0x01100031,
    "RGB8": 0x02180014,
    "BGR8": 0x02180015,
    "RGBa8": 0x02200016,
    "BGRa8": 0x02200017,
    "YUV422_8_UYVY": 0x0210001F,
    "YUV422_8": 0x02100032,
}
NAMES = {code: name for name, code in CODES.items()}

_SENSOR = re.compile(r"(?:Mono|Bayer(?P<tile>GR|RG|GB|BG))(?P<bits>\d+)(?P<packing>p|Packed)?")
_TO_RGB = {  # PFNC names the tile by its first two pixels, OpenCV's long names by all four
    "RG": cv2.COLOR_BayerRGGB2RGB,
    "GR": cv2.COLOR_BayerGRBG2RGB,
    "GB": cv2.COLOR_BayerGBRG2RGB,
    "BG": cv2.COLOR_BayerBGGR2RGB,
}
_COLOUR: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    "RGB8": lambda pixels: pixels,
    "BGR8": lambda pixels: pixels[..., ::-1],
    "RGBa8": lambda pixels: pixels[..., :3],
    "BGRa8": lambda pixels: pixels[..., 2::-1],
    "YUV422_8_UYVY": lambda pixels: np.asarray(cv2.cvtColor(pixels, cv2.COLOR_YUV2RGB_UYVY), np.uint8),
    "YUV422_8": lambda pixels: np.asarray(cv2.cvtColor(pixels, cv2.COLOR_YUV2RGB_YUY2), np.uint8),
}


def decoded(code: int, data: bytes, width: int, height: int, line_padding: int = 0) -> Pixels:
    """Return `data` as (H, W) grey or (H, W, 3) RGB pixels of their own memory. Raises ValueError.

    Of 10 to 14 bits the values are shifted to the full scale of uint16, so that white is white in each format.

    Args:
        line_padding: bytes behind each line that are no pixels.
    """
    name = NAMES.get(code)
    if name is None:
        raise ValueError(f"pixel format 0x{code:08x} cannot be decoded, set pixel_format to one of {', '.join(CODES)}")
    line_bits = width * (code >> 16 & 0xFF)  # the PFNC's numbers hold how many bits a pixel takes
    if line_padding and line_bits % 8:
        raise ValueError(f"lines of {width} pixels in {name} do not end at a byte, set a region of even width")
    lines = _lines(data, height, line_bits, line_padding)
    if name in _COLOUR:
        return np.ascontiguousarray(_COLOUR[name](lines.reshape(height, width, -1)))
    sensor = _SENSOR.fullmatch(name)
    assert sensor is not None
    grey = _grey(lines.ravel(), int(sensor["bits"]), sensor["packing"])[: width * height].reshape(height, width)
    if sensor["tile"] is None:
        return grey
    return cast(Pixels, cv2.cvtColor(grey, _TO_RGB[sensor["tile"]]))


def _lines(data: bytes, height: int, line_bits: int, line_padding: int) -> NDArray[np.uint8]:
    """Return the bytes that hold pixels, a row a line where lines end at a byte."""
    needed = -(-line_bits * height // 8) + height * line_padding
    if len(data) < needed:
        raise ValueError(f"the picture has {len(data)} bytes, its size and pixel format ask for {needed}")
    held = np.frombuffer(data, np.uint8, needed)
    if line_padding:
        return np.ascontiguousarray(held.reshape(height, -1)[:, : line_bits // 8])
    return held


def _grey(data: NDArray[np.uint8], bits: int, packing: str | None) -> Pixels:
    if bits == 8:
        return data.copy()
    if packing is None:
        values = data.view("<u2").astype(np.uint16)
    else:
        values = _UNPACK[bits, packing](data.astype(np.uint16))
    return values << np.uint16(16 - bits)


def _from_10p(data: NDArray[np.uint16]) -> NDArray[np.uint16]:
    a, b, c, d, e = _columns(data, 5)
    return _woven(a | (b & 0x03) << 8, b >> 2 | (c & 0x0F) << 6, c >> 4 | (d & 0x3F) << 4, d >> 6 | e << 2)


def _from_12p(data: NDArray[np.uint16]) -> NDArray[np.uint16]:
    a, b, c = _columns(data, 3)
    return _woven(a | (b & 0x0F) << 8, b >> 4 | c << 4)


def _from_10_packed(data: NDArray[np.uint16]) -> NDArray[np.uint16]:
    a, b, c = _columns(data, 3)
    return _woven(a << 2 | b & 0x03, c << 2 | b >> 4 & 0x03)


def _from_12_packed(data: NDArray[np.uint16]) -> NDArray[np.uint16]:
    a, b, c = _columns(data, 3)
    return _woven(a << 4 | b & 0x0F, c << 4 | b >> 4)


_UNPACK = {(10, "p"): _from_10p, (12, "p"): _from_12p, (10, "Packed"): _from_10_packed, (12, "Packed"): _from_12_packed}


def _columns(data: NDArray[np.uint16], group: int) -> NDArray[np.uint16]:
    """Return the first, second ... byte of each group, the last group filled up with zeros."""
    return np.pad(data, (0, -len(data) % group)).reshape(-1, group).T


def _woven(*values: NDArray[np.uint16]) -> NDArray[np.uint16]:
    return np.stack(values, axis=1).ravel()
