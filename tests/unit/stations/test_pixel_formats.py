import importlib.util

import cv2
import numpy as np
import pytest

from stations.protocols.pixel_formats import CODES, decoded

WIDTH, HEIGHT = 12, 6


def bits_of(values, bits):
    """Return values as bits, least significant first, one row each."""
    return (values.reshape(-1, 1) >> np.arange(bits)) & 1


def packed(values, bits, packing):
    """Pack as the PFNC's pictures show it, bit by bit: another way than the one tested."""
    if packing == "p":
        return np.packbits(bits_of(values, bits).ravel().astype(np.uint8), bitorder="little").tobytes()
    low = bits - 8  # "Packed" is of GigE Vision: upper bits, both lower bits in one byte, upper bits
    first, second = values[0::2], values[1::2]
    middle = (first & (2**low - 1)) | (second & (2**low - 1)) << 4
    return np.stack([first >> low, middle, second >> low], axis=1).astype(np.uint8).tobytes()


def grey(bits, seed=1):
    return np.random.default_rng(seed).integers(0, 2**bits, WIDTH * HEIGHT, dtype=np.uint16)


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("packing", ["p", "Packed"])
def test_packed_grey_is_unpacked_to_the_full_scale(bits, packing):
    values = grey(bits)
    pixels = decoded(CODES[f"Mono{bits}{packing}"], packed(values, bits, packing), WIDTH, HEIGHT)
    assert pixels.dtype == np.uint16
    assert np.array_equal(pixels, (values << (16 - bits)).reshape(HEIGHT, WIDTH))


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_grey_in_two_bytes_is_brought_to_the_full_scale(bits):
    values = grey(bits)
    pixels = decoded(CODES[f"Mono{bits}"], values.astype("<u2").tobytes(), WIDTH, HEIGHT)
    assert np.array_equal(pixels, (values << (16 - bits)).reshape(HEIGHT, WIDTH))


def test_a_picture_whose_last_group_is_not_full():
    values = grey(10)[:15]
    pixels = decoded(CODES["Mono10p"], packed(values, 10, "p"), 5, 3)
    assert np.array_equal(pixels, (values << 6).reshape(3, 5))


@pytest.mark.parametrize(("tile", "red"), [("RG", (0, 0)), ("GR", (0, 1)), ("GB", (1, 0)), ("BG", (1, 1))])
@pytest.mark.parametrize(("suffix", "bits"), [("8", 8), ("10", 10), ("12p", 12), ("12Packed", 12), ("16", 16)])
def test_the_tile_says_where_red_is(tile, red, suffix, bits):
    mosaic = np.zeros((HEIGHT, WIDTH), np.uint16)
    mosaic[red[0] :: 2, red[1] :: 2] = 2**bits - 1
    packing = suffix.lstrip("0123456789")
    data = packed(mosaic.ravel(), bits, packing) if packing else mosaic.astype(np.uint8 if bits == 8 else "<u2").tobytes()
    pixels = decoded(CODES[f"Bayer{tile}{suffix}"], data, WIDTH, HEIGHT)
    red, green, blue = pixels[2, 4]
    assert (red > 0, green, blue) == (True, 0, 0)


@pytest.mark.parametrize(("name", "order"), [("RGB8", "rgb"), ("BGR8", "bgr"), ("RGBa8", "rgba"), ("BGRa8", "bgra")])
def test_colours_come_in_order(name, order):
    values = {"r": 200, "g": 100, "b": 50, "a": 255}
    data = bytes(values[letter] for letter in order) * (WIDTH * HEIGHT)
    pixels = decoded(CODES[name], data, WIDTH, HEIGHT)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert pixels.flags.c_contiguous
    assert np.all(pixels == (200, 100, 50))


@pytest.mark.parametrize(("name", "order"), [("YUV422_8", "yuyv"), ("YUV422_8_UYVY", "uyvy")])
def test_half_colour_is_brought_back(name, order):
    red = cv2.cvtColor(np.full((1, 1, 3), (200, 40, 40), np.uint8), cv2.COLOR_RGB2YUV)[0, 0]
    y, u, v = (int(value) for value in red)
    if order == "yuyv":
        data = bytes([y, u, y, v])
    else:
        data = bytes([u, y, v, y])
    pixels = decoded(CODES[name], data * (WIDTH * HEIGHT // 2), WIDTH, HEIGHT)
    assert pixels[0, 0, 0] > 150 > 100 > pixels[0, 0, 1]


def test_bytes_behind_the_lines_are_no_pixels():
    rows = np.arange(WIDTH * HEIGHT, dtype=np.uint8).reshape(HEIGHT, WIDTH)
    padded = np.pad(rows, ((0, 0), (0, 4)), constant_values=255)
    assert np.array_equal(decoded(CODES["Mono8"], padded.tobytes(), WIDTH, HEIGHT, 4), rows)


def test_what_is_returned_does_not_change_with_the_buffer():
    data = bytearray(WIDTH * HEIGHT)
    pixels = decoded(CODES["Mono8"], data, WIDTH, HEIGHT)
    data[:] = b"\xff" * len(data)
    assert not pixels.any()


def test_what_cannot_be_decoded_is_said():
    with pytest.raises(ValueError, match="pixel format 0x012000bd cannot be decoded, set pixel_format to one of Mono8, "):
        decoded(0x012000BD, b"", WIDTH, HEIGHT)
    with pytest.raises(ValueError, match="the picture has 71 bytes, its size and pixel format ask for 72"):
        decoded(CODES["Mono8"], bytes(71), WIDTH, HEIGHT)


@pytest.mark.skipif(importlib.util.find_spec("harvesters") is None, reason="the numbers are compared with those of harvesters")
def test_names_and_numbers_are_those_of_others():
    from harvesters.util._pfnc import symbolics

    assert {name: symbolics[code] for name, code in CODES.items()} == {name: name for name in CODES}
