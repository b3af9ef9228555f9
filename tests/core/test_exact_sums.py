"""Scales of residual sums: float32 of x86 and whole numbers of ARM make the same byte of any two bytes."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from network.exact_sums import never_in_the_middle, settled
from network.graphs import Layer, Plan

ONE = np.zeros((1, 1, 1), np.float32)
INPUT, BRANCH = np.arange(256)[:, None], np.arange(256) - 128
Scales = tuple[float, float, float]


def _plan(first: float, *residuals: tuple[float, float]) -> Plan:
    one = Layer(ONE, ONE[0, 0], 1, first)
    body = [Layer(ONE, ONE[0, 0], 1, branch, joined) for branch, joined in residuals]
    return Plan(1 / 255, ONE[0], one, body, one, one)


def _each(plan: Plan) -> list[Scales]:
    """Of each residual: the scale of its input, its branch and its sum."""
    inputs = [float(plan.stem.scale or 0), *(float(layer.joined_scale or 0) for layer in plan.body)]
    return [(i, float(x.scale or 0), float(x.joined_scale or 0)) for i, x in zip(inputs, plan.body, strict=False)]


def _as_x86_with_fma(scales: Scales) -> NDArray[np.int64]:
    a, b = (np.float32(scale) / np.float32(scales[2]) for scale in scales[:2])
    branch = np.float32(float(b) * BRANCH)
    return _byte(np.asarray(float(a) * INPUT + branch.astype(float), np.float32))


def _as_x86_without(scales: Scales) -> NDArray[np.int64]:
    a, b = (np.float32(scale) / np.float32(scales[2]) for scale in scales[:2])
    products = a * INPUT.astype(np.float32), b * (BRANCH + 128).astype(np.float32)
    return _byte((products[1] - np.float32(128) * b) + products[0])


def _as_arm(scales: Scales) -> NDArray[np.int64]:
    a, b = (np.float32(scale) / np.float32(scales[2]) for scale in scales[:2])
    shift = 21 - int(np.floor(np.log2(max(a, b))))
    whole = int(np.rint(a * 2.0**shift)) * INPUT.astype(np.int64) + int(np.rint(b * 2.0**shift)) * BRANCH
    return _byte((whole + (1 << (shift - 1))) >> shift)


def _byte(sums: NDArray[Any]) -> NDArray[np.int64]:
    return np.asarray(np.rint(sums).clip(0, 255), np.int64)


@settings(deadline=None, max_examples=30)
@given(
    st.floats(0.003, 0.03),
    st.lists(st.tuples(st.floats(1, 10), st.floats(0.6, 2)), min_size=1, max_size=5),
)
def test_any_two_bytes_make_the_same_sum_everywhere(first: float, ratios: list[tuple[float, float]]) -> None:
    scale, residuals = first, []
    for branch, joined in ratios:
        scale *= joined
        residuals.append((scale * branch, scale))
    wanted = _plan(float(np.float32(first)), *residuals)
    plan = settled(wanted)
    for scales, before in zip(_each(plan), _each(wanted), strict=True):
        assert (_as_arm(scales) == _as_x86_with_fma(scales)).all()
        assert (_as_arm(scales) == _as_x86_without(scales)).all()
        assert all(abs(now / then - 1) < 0.01 for now, then in zip(scales, before, strict=True))
    assert _each(settled(plan)) == _each(plan)


def test_halves_lie_in_the_middle() -> None:
    assert not never_in_the_middle(1 << 13, 1 << 14)
    assert never_in_the_middle(1 << 14, 3 << 14)
    halves = (0.005, 0.02, 0.01)
    assert (_as_arm(halves) != _as_x86_with_fma(halves)).any()
