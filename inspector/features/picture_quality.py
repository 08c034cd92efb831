"""Quality of a picture: focus, motion blur, exposure, occlusion, compression."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector.features.content import Picture
from inspector.features.picture import eight_bit, shrunk
from inspector.features.quality import AMBIGUOUS_COST, Quality, judged, ramp
from inspector.parts import Frame
from inspector.remarks import remark

Grey = NDArray[np.uint8]

ASSESS_SIDE_PX = 256
BLUR_SPAN = 9
"""Length in px of the mean that a picture is blurred with again."""
TEXTURE_PX = 5
TEXTURED_FROM, PLAIN_BELOW = 0.75, 0.25
"""Local spread below this share of what the more textured quarter of the picture has counts as no texture."""
BLOCK_PX = 8


def assess(frame: Frame, picture: Picture) -> Quality:
    """Rate a picture; `picture` is the same one made ready, which is faster to look at than a camera's full resolution."""
    if min(frame.pixels.shape[:2]) < BLOCK_PX:
        return Quality(0.0, remark("picture too small to judge"), {})
    grey = shrunk(_grey(picture.pixels), ASSESS_SIDE_PX)
    levels = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel().astype(np.float64) / grey.size
    mean = float(levels @ np.arange(256))
    blurs = _blurs(grey)
    indicators = {
        "bright": float(levels[250:].sum()),
        "dark": float(levels[:6].sum()),
        "level": mean / 255,
        "blur": min(blurs),
        "smear": max(blurs) - min(blurs),
        "sharpness": float(np.log10(_spread(cv2.Laplacian(grey, cv2.CV_16S)) ** 2 + 1e-3)),
        "contrast": float(np.log10(np.sqrt(levels @ (np.arange(256) - mean) ** 2) + 1e-2)),
        "covered": _covered(grey),
        "plain": _plain(grey),
        "blocks": _blocks(frame),
    }
    coded = ramp(indicators["blocks"], 0.4, 1.2)
    penalties = {
        "overexposed": ramp(indicators["bright"], 0.25, 0.7),
        "underexposed": max(ramp(indicators["dark"], 0.5, 0.95), ramp(indicators["level"], 0.08, 0.02)),
        # A polished surface has no detail, and a ground or rolled one is smooth along its grooves.
        "out of focus": AMBIGUOUS_COST * ramp(indicators["blur"], 0.75, 0.95),
        "motion blur": AMBIGUOUS_COST * ramp(indicators["smear"], 0.4, 0.8),
        "compressed": 0.8 * coded,
        "occluded": ramp(indicators["covered"], 0.06, 0.3) * (1 - coded),  # coarse JPEG makes patches even by itself
        "no contrast": ramp(indicators["contrast"], 0.3, -0.3),
    }
    return judged(penalties, indicators)


def _grey(pixels: NDArray[np.uint8]) -> Grey:
    if pixels.ndim == 2:
        return pixels
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels[:, :, :3]), cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _spread(values: NDArray[Any]) -> float:
    return float(cv2.meanStdDev(values)[1][0, 0])


def _blurs(grey: Grey) -> list[float]:
    """Return 0 (sharp) to 1 (blurred) along the rows, the columns and both diagonals.

    What is left of local variation after blurring again (Crete et al., 2007): the step between neighbours of a running mean is the
    step between its far ends over its length, so nothing need be blurred.
    """
    span = min(BLUR_SPAN, *(side - 1 for side in grey.shape))
    return [_blur(turned, down, right, span) for turned, down, right in ((grey, 0, 1), (grey, 1, 0), (grey, 1, 1), (grey[:, ::-1], 1, 1))]


def _blur(grey: Grey, down: int, right: int, span: int) -> float:
    height, width = grey.shape

    def moved(steps: int) -> Grey:
        rest = span - steps
        # Every second row tells as much as all of them.
        return np.ascontiguousarray(grey[steps * down : height - rest * down : 2, steps * right : width - rest * right])

    near = cv2.absdiff(moved(span // 2 + 1), moved(span // 2))
    far = cv2.absdiff(moved(span), moved(0))
    lost = cv2.addWeighted(near, span, far, -1, 0, dtype=cv2.CV_16S)
    variation = float(cv2.sumElems(near)[0]) * span
    return 1.0 - float(np.maximum(lost, 0).sum(dtype=np.int64)) / max(variation, 1e-6)


def _covered(grey: Grey) -> float:
    """Return the share of the picture that one perfectly even patch covers: paint, tape or a dead sensor block, not a surface."""
    spread = cv2.dilate(grey, np.ones((5, 5), np.uint8)) - cv2.erode(grey, np.ones((5, 5), np.uint8))
    return _largest((spread == 0) & (grey < 250))


def _plain(grey: Grey) -> float:
    """Return the share of the picture that one patch without the texture of the rest covers.

    Many parts are smooth somewhere, so that only the comparison with training speaks of something in front of the part.
    """
    image = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.float32)
    mean = cv2.blur(image, (TEXTURE_PX, TEXTURE_PX))
    variance = cv2.blur(image * image, (TEXTURE_PX, TEXTURE_PX)) - mean * mean
    some = variance[::4, ::4].ravel()
    usual = float(np.sort(some)[int(TEXTURED_FROM * (len(some) - 1))])
    return _largest(variance < PLAIN_BELOW**2 * usual)


def _largest(patch: NDArray[np.bool_]) -> float:
    """Return the share of the picture that the largest connected patch takes."""
    if not patch.any():
        return 0.0
    _, _, statistics, _ = cv2.connectedComponentsWithStats(patch.astype(np.uint8))
    return int(statistics[1:, cv2.CC_STAT_AREA].max(initial=0)) / patch.size


def _blocks(frame: Frame) -> float:
    """Return how much higher the steps between JPEG's blocks are than those within (log10); in both directions, whatever the crop.

    Looked at on the middle of the picture as it was taken, since shrinking hides the blocks.
    """
    height, width = frame.pixels.shape[:2]
    top, left = max(0, (height - ASSESS_SIDE_PX) // 2), max(0, (width - ASSESS_SIDE_PX) // 2)
    middle = _grey(eight_bit(frame.pixels[top : top + ASSESS_SIDE_PX, left : left + ASSESS_SIDE_PX]))
    return max(0.0, min(_block_steps(middle), _block_steps(np.ascontiguousarray(middle.T))))


def _block_steps(grey: Grey) -> float:
    steps = cv2.reduce(cv2.absdiff(grey[:, 1:], grey[:, :-1]), 0, cv2.REDUCE_AVG, dtype=cv2.CV_32F)[0]
    whole = len(steps) // BLOCK_PX * BLOCK_PX
    if whole < 3 * BLOCK_PX:
        return 0.0
    by_place = sorted(steps[:whole].reshape(-1, BLOCK_PX).mean(axis=0).tolist())
    return float(np.log10((by_place[-1] + 0.05) / (sum(by_place[:-1]) / (BLOCK_PX - 1) + 0.05)))
