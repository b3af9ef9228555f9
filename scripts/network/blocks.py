"""The network's two kinds of layers in PyTorch, with their gradients, as quick as a CPU does them.

Values are (crop, channel, 1, t) in channels-last memory: a second's channels lie side by side, which is what the
convolutions want. PyTorch's own gradients of the same arithmetic take twice the time, most of it for copies.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

ZERO_TO_TOP, AROUND_ZERO = (0, 255), (-128, 127)
"""The whole numbers that a rectified value and a branch may become."""


def rows(x: Tensor) -> Tensor:
    """(crop, channel, t) as the layers want it."""
    return x[:, :, None].contiguous(memory_format=torch.channels_last)


class Rectified(Function):  # type: ignore[misc]
    """relu(convolution of each second), on the grid of `step` unless that is 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, step: float) -> Tensor:
        """Values from values (b, c, 1, t), weight (d, c, 1, 1), bias (d)."""
        y = functional.conv2d(x, weight, bias).relu_()
        ctx.save_for_backward(x, weight, y)
        return _on_grid(y.clone(), step, ZERO_TO_TOP) if step else y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Straight through the grid."""
        x, weight, y = ctx.saved_tensors
        gradient = torch.ops.aten.threshold_backward(gradient, y, 0)
        return (*_gradients(gradient, x, weight, 1, 1, wanted=ctx.needs_input_grad[0]), None)


@dataclass(frozen=True)
class Way:
    """How a residual layer goes: how far its taps lie apart, each how manyeth value it gives, the steps of the grids of
    branch and sum (0 is none), and a list that gets the branch."""

    reach: int
    stride: int
    branch_step: float
    sum_step: float
    seen: list[Tensor] | None


class Residual(Function):  # type: ignore[misc]
    """relu(x + branch), the branch a causal convolution of x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, way: Way) -> Tensor:
        """Values from values (b, c, 1, t), weight (c, c, 1, 3), bias (c)."""
        padded = functional.pad(x, (_before(weight, way), 0))
        y = functional.conv2d(padded, weight, bias, dilation=(1, way.reach), stride=(1, way.stride))
        if way.seen is not None:
            way.seen.append(y.clone())
        if way.branch_step:
            _on_grid(y, way.branch_step, AROUND_ZERO)
        y.add_(x[..., way.stride - 1 :: way.stride]).relu_()
        ctx.save_for_backward(padded, weight, y)
        ctx.way = way
        return _on_grid(y.clone(), way.sum_step, ZERO_TO_TOP) if way.sum_step else y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Straight through the grids."""
        padded, weight, y = ctx.saved_tensors
        way = ctx.way
        gradient = torch.ops.aten.threshold_backward(gradient, y, 0)
        of_padded, of_weight, of_bias = _gradients(gradient, padded, weight, way.reach, way.stride)
        of_x = of_padded[..., _before(weight, way) :]
        of_x[..., way.stride - 1 :: way.stride].add_(gradient)
        return of_x, of_weight, of_bias, None


def _before(weight: Tensor, way: Way) -> int:
    """Zeros before the first value, so that each is computed from itself and the past alone."""
    taps: int = weight.shape[-1]
    return (taps - 1) * way.reach - way.stride + 1


def _on_grid(values: Tensor, step: float, limits: tuple[int, int]) -> Tensor:
    """In place: the nearest whole numbers of steps within the limits, in the values' own unit."""
    return values.mul_(1 / step).round_().clamp_(*limits).mul_(step)


def _gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, reach: int, stride: int, *, wanted: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """Of x, weight and bias."""
    return torch.ops.aten.convolution_backward(  # type: ignore[no-any-return]
        gradient, x, weight, [len(weight)], [1, stride], [0, 0], [1, reach], False, [0, 0], 1, [wanted, True, True]
    )
