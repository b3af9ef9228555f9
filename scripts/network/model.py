"""The network in PyTorch: a causal temporal convolutional network, with and without simulated quantization."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from network import recipe
from network.blocks import Rectified, Residual, Way, rows
from network.exact_sums import settled
from network.graphs import OUT_LIMIT, WEIGHT_LIMIT, Layer, Plan, stem_levels

INPUT_SCALE = 1 / 255
BANDS = recipe.bands()
HEADROOM_QUANTILE = 0.9999


class Network(nn.Module):  # type: ignore[misc]
    """Inputs (b, feature, t), 0..1 -> outputs (b, 4 * appliance, t), each second from itself and the past alone."""

    def __init__(self, appliances: int) -> None:
        super().__init__()
        features, width = len(recipe.preprocessing().features), recipe.CHANNELS
        self.stem = nn.Conv1d(features, width, 1)
        self.body = nn.ModuleList(nn.Conv1d(width, width, recipe.KERNEL, dilation=d) for d in recipe.DILATIONS_S)
        self.hidden = nn.Conv1d(width, recipe.HIDDEN, 1)
        self.out = nn.Conv1d(recipe.HIDDEN, 4 * appliances, 1)
        layers = len(recipe.DILATIONS_S)
        self.register_buffer("scales", torch.zeros(2 + 2 * layers))
        """Steps of the 8-bit activations: stem, then branch and sum of each layer, then hidden; 0 is not quantized."""
        nn.init.kaiming_normal_(self.stem.weight)
        nn.init.kaiming_normal_(self.hidden.weight)
        for conv in self.body:
            nn.init.kaiming_normal_(conv.weight)
            with torch.no_grad():
                conv.weight.mul_(layers**-0.5)
            nn.init.zeros_(conv.bias)
        with torch.no_grad():
            self.out.bias.fill_(0.5)
            self.out.bias[:appliances] = -3.0

    def forward(
        self, x: Tensor, seen: list[Tensor] | None = None, every_s: int = 1, form: torch.dtype = torch.float32
    ) -> Tensor:
        """Outputs, computed in the number format `form`; what is quantized in the artifact is appended to `seen`.

        The first layer is in float32 where quantization is simulated: bfloat16 has fewer bits than its weights.
        With `every_s` (a power of two, t a multiple of it) only those of seconds every_s - 1, 2 * every_s - 1, …: the
        same numbers at a fraction of the work, since a layer reckons only the seconds that a later one looks at.
        """
        keep = seen.append if seen is not None else _ignore
        steps = [float(s) for s in self.scales]
        first = torch.float32 if steps[0] else form
        h = Rectified.apply(rows(x.to(first)), *self._weights(self.stem, first), steps[0]).to(form)
        keep(h)
        apart_s = 1
        for n, conv in enumerate(self.body):
            reach, stride = conv.dilation[0] // apart_s, 1
            if apart_s < every_s and apart_s == conv.dilation[0]:
                stride, apart_s = 2, 2 * apart_s
            way = Way(reach, stride, steps[1 + 2 * n], steps[2 + 2 * n], seen)
            h = Residual.apply(h, *self._weights(conv, form), way)
            keep(h)
        h = Rectified.apply(h, *self._weights(self.hidden, form), steps[-1])
        keep(h)
        return functional.conv2d(h, *self._weights(self.out, form))[:, :, 0]

    def calibrate(self, x: Tensor) -> None:
        """Set the activations' steps from what flows on `x`; from then on quantization is simulated.

        A branch less than minus the largest input makes its sum 0, one above the largest sum changes nothing more: its
        step need not reach further, and is a third of what its range would ask for. The steps of sums are those by
        which every processor gets the same.
        """
        self.scales.zero_()
        seen: list[Tensor] = []
        with torch.no_grad():
            self.forward(x, seen)
            for n, values in enumerate(seen):
                signed = 0 < n < len(seen) - 1 and n % 2 == 1
                size = np.quantile(values.abs().float().numpy().ravel()[::7], HEADROOM_QUANTILE)
                self.scales[n] = max(float(size), 1e-3) / (127 if signed else 255)
            before, branch, joined = self.scales[0:-3:2], self.scales[1:-2:2], self.scales[2:-1:2]
            branch.copy_(torch.minimum(branch, torch.maximum(before, joined) * 255 / 127))
        steps = [step for layer in settled(self.plan()).body for step in (layer.scale, layer.joined_scale)]
        self.scales[1:-1] = torch.tensor(steps)

    def freeze_body(self) -> None:
        """Train the last two layers alone from now on."""
        self.stem.requires_grad_(False)
        self.body.requires_grad_(False)

    def plan(self) -> Plan:
        """Weights and steps for the graph builder."""
        scales = [float(s) for s in self.scales]
        body = [_layer(c, scales[1 + 2 * n], scales[2 + 2 * n]) for n, c in enumerate(self.body)]
        stem, hidden = _layer(self.stem, scales[0]), _layer(self.hidden, scales[-1])
        return Plan(INPUT_SCALE, BANDS, stem, body, hidden, _layer(self.out, None))

    def _weights(self, conv: nn.Conv1d, form: torch.dtype) -> tuple[Tensor, Tensor]:
        """Weight and bias in this number format, the weight on its grid where quantization is simulated."""
        weight = conv.weight
        if self.scales[0] and conv is self.stem:
            levels, steps = stem_levels(weight.detach().numpy(), BANDS)
            on_grid = torch.from_numpy((levels * steps[:, None]).astype(np.float32))
            weight = weight + (on_grid[:, :, None] - weight).detach()
        elif self.scales[0]:
            limit = OUT_LIMIT if conv is self.out else WEIGHT_LIMIT
            steps = weight.detach().abs().amax(dim=(1, 2)).clamp_min(1e-6) / limit
            zeros = torch.zeros(len(weight), dtype=torch.int32)
            weight = torch.fake_quantize_per_channel_affine(weight, steps, zeros, 0, -limit, limit)
        return rows(weight.to(form)), conv.bias.to(form)


def loss(y: Tensor, power_w: Tensor, constants: Tensor, weight: Tensor) -> Tensor:
    """Cross entropy of on, absolute error of power while on, and pinball losses at 5 and 95 % for the interval.

    y (b, 4 * appliance, t), power_w (b, appliance, t; NaN is not known and counts nothing), weight (t,),
    constants (3, appliance, 1): on-threshold, unit of the power head, and the appliance's weight.
    """
    logit, power, below, above = y.chunk(4, dim=1)
    known = torch.isfinite(power_w).float()
    power_w = power_w.nan_to_num()
    thresholds_w, scales_w, importance = constants
    on = (power_w >= thresholds_w).float()
    share = power_w / scales_w
    entropy = functional.binary_cross_entropy_with_logits(logit, on, reduction="none")
    error = share - power
    fixed = error.detach()
    outside = _pinball(-fixed - below) + _pinball(fixed - above)
    total = (entropy + on * (3 * error.abs() + outside)) * importance * (weight / weight.mean()) * known
    return total.mean() * len(importance)


def _pinball(error: Tensor, quantile: float = 0.95) -> Tensor:
    return torch.maximum(quantile * error, (quantile - 1) * error)


def _layer(conv: nn.Conv1d, scale: float | None, joined_scale: float | None = None) -> Layer:
    weight, bias = conv.weight.detach().numpy(), conv.bias.detach().numpy()
    return Layer(weight, bias, int(conv.dilation[0]), scale, joined_scale)


def _ignore(_: Tensor) -> None:
    pass
