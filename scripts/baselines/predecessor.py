"""The predecessor's way: each second, one network an appliance over the last 4096 samples again.

A stand-in of its size, untrained: ten causal convolutional networks of about 170 thousand parameters with GELU, layer
norms and attention, in PyTorch on one thread. `nilm-edge bench inference` runs it for its ratio_predecessor; it prints
JSON.
"""

import json
import sys
import time
from statistics import median

try:
    import torch
except ImportError:
    sys.exit("PyTorch is not installed: pip install -e '.[train]'")

from torch import Tensor, nn
from torch.nn import functional

APPLIANCES, SAMPLES, CHANNELS, HEADS = 10, 4096, 64, 4
DILATIONS = tuple(2**n for n in range(9))
TICKS = 5


class Block(nn.Module):  # type: ignore[misc]
    """A dilated causal convolution and its residual."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.past = 2 * dilation
        self.taps = nn.Conv1d(CHANNELS, CHANNELS, 3, dilation=dilation)
        self.norm = nn.LayerNorm(CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        """(1, channel, t) -> the same."""
        h = functional.gelu(self.taps(functional.pad(x, (self.past, 0))))
        return x + self.norm(h.transpose(1, 2)).transpose(1, 2)


class AttentionTcn(nn.Module):  # type: ignore[misc]
    """Convolutions, one layer of attention over all samples, and heads for power and on."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv1d(1, CHANNELS, 7, padding=3)
        self.blocks = nn.Sequential(*(Block(dilation) for dilation in DILATIONS))
        self.to_qkv = nn.Linear(CHANNELS, 3 * CHANNELS)
        self.mix = nn.Linear(CHANNELS, CHANNELS)
        self.norms = nn.ModuleList(nn.LayerNorm(CHANNELS) for _ in range(2))
        self.forth, self.back = nn.Linear(CHANNELS, 4 * CHANNELS), nn.Linear(4 * CHANNELS, CHANNELS)
        self.heads = nn.Linear(CHANNELS, 2)

    def forward(self, x: Tensor) -> Tensor:
        """(1, 1, t) -> (1, t, 2)."""
        h = self.blocks(self.enter(x)).transpose(1, 2)
        parts = self.to_qkv(self.norms[0](h)).view(1, -1, 3, HEADS, CHANNELS // HEADS).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(*parts)
        h = h + self.mix(seen.transpose(1, 2).reshape(1, -1, CHANNELS))
        return self.heads(h + self.back(functional.gelu(self.forth(self.norms[1](h)))))


def main() -> None:
    """Print the median time of a tick."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    networks = [AttentionTcn().eval() for _ in range(APPLIANCES)]
    window, took_ms = torch.randn(1, 1, SAMPLES), []
    with torch.inference_mode():
        for _ in range(1 + TICKS):
            began_s = time.perf_counter()
            for network in networks:
                network(window)[0, -1]
            took_ms.append(1000 * (time.perf_counter() - began_s))
    parameters = sum(p.numel() for p in networks[0].parameters())
    print(json.dumps({"tick_ms": round(median(took_ms[1:]), 1), "networks": APPLIANCES, "parameters_each": parameters}))


if __name__ == "__main__":
    main()
