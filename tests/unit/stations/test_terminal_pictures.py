"""What is drawn with characters is what was there."""

import re

import numpy as np
import pytest

from stations.readings import full_scale
from stations.terminal_pictures import colours, curve_line, level_bar, picture_lines

HALVES = re.compile(r"\x1b\[38;2;(\d+);(\d+);(\d+);48;2;(\d+);(\d+);(\d+)m▀")


def pixels_of(lines):
    rows = []
    for line in lines:
        halves = [tuple(map(int, match)) for match in HALVES.findall(line)]
        rows += [[half[:3] for half in halves], [half[3:] for half in halves]]
    return np.array(rows)


def test_each_half_block_shows_two_pixels():
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[0, :, 0] = 200
    picture[3, :, 2] = 100
    assert np.array_equal(pixels_of(picture_lines(picture, 2**24)), picture)


@pytest.mark.parametrize(("shape", "rows"), [((480, 640), 18), ((2000, 2000), 24), ((10, 1000), 1), ((3000, 100), 720)])
def test_a_picture_keeps_its_shape(shape, rows):
    lines = picture_lines(np.full(shape, 7, np.uint8), 2**24, columns=48)
    assert len(lines) == rows
    assert all(len(HALVES.findall(line)) == 48 for line in lines)


def test_sixteen_bits_are_shown_as_bright_as_they_are():
    twelve = np.full((2, 2), 2048, np.uint16)
    sixteen = np.full((2, 2), 2**15, np.uint16)
    assert (full_scale(twelve), full_scale(sixteen)) == (4095, 65535)
    for picture in (twelve, sixteen):
        assert np.all(np.abs(pixels_of(picture_lines(picture, 2**24)).astype(int) - 127) <= 1)


@pytest.mark.parametrize(
    ("rgb", "code"), [((0, 0, 0), 16), ((255, 255, 255), 231), ((255, 0, 0), 196), ((128, 128, 128), 244), ((8, 8, 8), 232)]
)
def test_the_palette_of_256_colours(rgb, code):
    (line,) = picture_lines(np.full((2, 1, 3), rgb, np.uint8), 256)
    assert line.startswith(f"\x1b[38;5;{code};48;5;{code}m▀")


def test_terminals_without_colours_get_no_picture():
    assert colours({"TERM": "xterm", "COLORTERM": "truecolor"}) == 2**24
    assert colours({"TERM": "screen"}) == 256
    assert colours({"TERM": "dumb"}) == colours({}) == colours({"TERM": "xterm", "NO_COLOR": "1"}) == 0


def test_levels_and_curves():
    assert level_bar(-30, -6, 10) == "-60 █████···|· 0 dBFS"
    assert level_bar(-200, -200, 4) == "-60 ···· 0 dBFS"
    assert level_bar(0, 0, 4) == "-60 ███| 0 dBFS"
    assert curve_line([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert curve_line([5, 5, 5]) == "▁▁▁"
    assert len(curve_line(range(1000))) == 40
