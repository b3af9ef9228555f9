"""Scales of residual sums by which every processor computes the same sum, to the bit.

onnxruntime adds two bytes of different scales (QLinearAdd) in float32 on x86, and in whole numbers (the ratios of the
scales times a power of two, ties away from zero) on ARM. Where a sum lies next to the middle between two steps, they
round it to different sides. So scales are moved a little, until both ratios are whole multiples of 1 / 2^14, which
either way of computing represents exactly, and no sum of two bytes lies in the middle.
"""

from dataclasses import replace
from itertools import product

import numpy as np

from network.graphs import MIDDLE, Layer, Plan

_PARTS = 1 << 14
"""A ratio of scales is so many times a whole number: more do not leave float32 the bits for a sum."""
_BRANCH_STEP = 4
"""A branch's ratio is larger; by this its product with a byte fits float32's 24 bits, too."""
_LARGEST = (1 << 24) // 255
_REACH = range(-32, 33)
"""How many steps of a ratio are looked at."""
_INPUT = np.arange(256)
_BRANCH = np.arange(256) - MIDDLE


def settled(plan: Plan) -> Plan:
    """The plan with residual scales moved by less than 1 % in which no sum depends on the processor."""
    body, scale = [], float(plan.stem.scale or 0)
    for layer in plan.body:
        body.append(_layer(layer, scale))
        scale = float(body[-1].joined_scale or 0)
    return replace(plan, body=body)


def _layer(layer: Layer, scale: float) -> Layer:
    wanted, wanted_branch = float(layer.joined_scale or 0), float(layer.scale or 0)
    for less, branch_less in sorted(product(_REACH, _REACH), key=_distance):
        parts = round(scale / wanted * _PARTS) + less
        joined = np.float32(scale * _PARTS / parts)
        branch_parts = (round(wanted_branch / float(joined) * _PARTS / _BRANCH_STEP) + branch_less) * _BRANCH_STEP
        branch = np.float32(float(joined) * branch_parts / _PARTS)
        # What a processor divides must be just these ratios.
        exact = _ratio(np.float32(scale), joined) == parts and _ratio(branch, joined) == branch_parts
        fits = 0 < parts <= _LARGEST and 0 < branch_parts <= _LARGEST * _BRANCH_STEP
        if exact and fits and never_in_the_middle(parts, branch_parts):
            return replace(layer, scale=float(branch), joined_scale=float(joined))
    raise ValueError(f"no scales near {wanted:.6g} and {wanted_branch:.6g} that are the same on every processor")


def _ratio(scale: np.float32, joined: np.float32) -> float:
    return float(scale / joined * np.float32(_PARTS))


def _distance(steps: tuple[int, int]) -> int:
    return abs(steps[0]) + abs(steps[1])


def never_in_the_middle(parts: int, branch_parts: int) -> bool:
    """Whether no sum of two bytes that is kept (0 to 255) lies just between two steps."""
    sums = parts * _INPUT[:, None] + branch_parts * _BRANCH
    kept = (sums > 0) & (sums < 256 * _PARTS)
    return not bool((kept & (sums % _PARTS == _PARTS // 2)).any())
