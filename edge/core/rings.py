"""Rings: what a causal network has to remember of the past, for many buildings at once."""

from collections.abc import Sequence
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from edge.core.registry import Network

Rows = NDArray[np.intp]


class Taps:
    """Past activations of every layer, uint8, zero before the first second.

    A layer with dilation d and k taps reads its input at d, 2d .. (k-1)d seconds ago: its ring has (k-1)d slots, and
    the slot of the oldest tap is the one the present second takes.
    """

    def __init__(self, network: Network) -> None:
        spans = np.array([(network.kernel - 1) * d for d in network.dilations_s], np.int64)
        back = np.array([[j * d for j in range(network.kernel - 1, 0, -1)] for d in network.dilations_s], np.int64)
        self._base = np.cumsum(spans) - spans
        self._spans, self._back = spans, back
        self._slots, self._channels = int(spans.sum()), network.channels
        self._store = np.zeros((0, self._channels), np.uint8)
        self._seconds = np.zeros(0, np.int64)

    def grow(self, rows: int) -> None:
        """Make room for `rows` buildings."""
        more = rows - len(self._seconds)
        self._store = np.concatenate([self._store, np.zeros((more * self._slots, self._channels), np.uint8)])
        self._seconds = np.concatenate([self._seconds, np.zeros(more, np.int64)])

    def clear(self, row: int) -> None:
        """Forget one building's past."""
        self._store[row * self._slots : (row + 1) * self._slots] = 0
        self._seconds[row] = 0

    def gather(self, rows: Rows) -> NDArray[np.uint8]:
        """Every layer's taps, oldest first: uint8 (n, layer * (k-1) * channel), for the second about to come."""
        slot = (self._seconds[rows][:, None, None] - self._back) % self._spans[:, None] + self._base[:, None]
        at = (rows * self._slots)[:, None] + slot.reshape(len(rows), -1)
        return self._store.take(at, axis=0).reshape(len(rows), -1)

    def push(self, rows: Rows, activations: NDArray[np.uint8]) -> None:
        """Store the present second's layer inputs, uint8 (n, layer * channel), and go on to the next second."""
        seconds = self._seconds[rows][:, None]
        at = (rows * self._slots)[:, None] + self._base + seconds % self._spans
        self._store[at] = activations.reshape(len(rows), len(self._base), self._channels)
        self._seconds[rows] += 1

    def load(self, row: int, layers: Sequence[NDArray[np.uint8]]) -> None:
        """Replace one building's past by each layer's inputs over consecutive seconds, uint8 (channel, t)."""
        self.clear(row)
        total = layers[0].shape[1]
        for base, span, layer in zip(self._base, self._spans, layers, strict=True):
            seconds = np.arange(max(0, total - int(span)), total)
            self._store[row * self._slots + base + seconds % span] = layer[:, seconds].T
        self._seconds[row] = total


class Mains:
    """The last `memory_s` seconds of mains; before the first second they are taken to equal it.

    The least of each block of seconds is kept as well, so that the least of all is found among a few.
    """

    def __init__(self, memory_s: int) -> None:
        self._memory_s = memory_s
        self._block_s = max(s for s in range(1, isqrt(memory_s) + 1) if memory_s % s == 0)
        self._store = np.zeros((0, memory_s), np.float32)
        self._blocks = np.zeros((0, memory_s // self._block_s), np.float32)
        self._seconds = np.zeros(0, np.int64)

    def grow(self, rows: int) -> None:
        """Make room for `rows` buildings."""
        more = rows - len(self._seconds)
        self._store = np.concatenate([self._store, np.zeros((more, self._memory_s), np.float32)])
        self._blocks = np.concatenate([self._blocks, np.zeros((more, self._blocks.shape[1]), np.float32)])
        self._seconds = np.concatenate([self._seconds, np.zeros(more, np.int64)])

    def clear(self, row: int) -> None:
        """Forget one building's past."""
        self._seconds[row] = 0

    def seconds(self, rows: Rows) -> NDArray[np.int64]:
        """Seconds of history since the last start, (n,)."""
        return self._seconds[rows]

    def push(self, rows: Rows, power_w: NDArray[np.float32]) -> None:
        """Take the present second's mains, (n,)."""
        seconds = self._seconds[rows]
        if not seconds.all():
            new = rows[seconds == 0]
            self._store[new] = self._blocks[new] = power_w[seconds == 0][:, None]
        slot = seconds % self._memory_s
        self._store[rows, slot] = power_w
        block = slot // self._block_s
        by_block = self._store.reshape(len(self._store), -1, self._block_s)
        self._blocks[rows, block] = by_block[rows, block].min(axis=1)
        self._seconds[rows] += 1

    def lagged(self, rows: Rows, lags_s: NDArray[np.int64]) -> NDArray[np.float32]:
        """Mains `lags_s` before the second last pushed, (n, lag)."""
        lagged: NDArray[np.float32] = self._store[
            rows[:, None], (self._seconds[rows][:, None] - 1 - lags_s) % self._memory_s
        ]
        return lagged

    def least(self, rows: Rows) -> NDArray[np.float32]:
        """The least mains of the memory, (n,)."""
        least: NDArray[np.float32] = self._blocks[rows].min(axis=1)
        return least

    def load(self, row: int, power_w: NDArray[np.float32]) -> None:
        """Replace one building's past by consecutive seconds, (t,)."""
        self._store[row] = power_w[0]
        seconds = np.arange(max(0, len(power_w) - self._memory_s), len(power_w))
        self._store[row, seconds % self._memory_s] = power_w[seconds]
        self._blocks[row] = self._store[row].reshape(-1, self._block_s).min(axis=1)
        self._seconds[row] = len(power_w)
