"""The disaggregator: all models over many buildings, one tick a second each."""

from collections.abc import Iterator, Sequence
from itertools import pairwise, repeat
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.core.features import Encoder
from edge.core.hysteresis import Rule, State, advance, resume, sweep
from edge.core.physics import Decoder, constrain
from edge.core.prediction import COLUMN, Column, PredictionTable, Tick
from edge.core.registry import ModelSpec
from edge.core.rings import Mains, Rows, Taps
from edge.core.sample import POWER_LIMIT_W

_CHUNK_S = 1 << 14


class Model(Protocol):
    """A network as two graphs with the same weights."""

    @property
    def spec(self) -> ModelSpec:
        """The registry entry."""

    def step(self, x: NDArray[np.uint8], taps: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """One second of n buildings: inputs (n, feature), taps -> outputs (n, output), activations."""

    def window(self, x: NDArray[np.uint8]) -> NDArray[np.float32]:
        """t seconds of one building from empty history: inputs (t, feature) -> outputs (t, output)."""

    def replay(self, x: NDArray[np.uint8]) -> tuple[NDArray[np.float32], list[NDArray[np.uint8]]]:
        """`window`, and each layer's inputs (channel, t)."""


class Disaggregator:
    """Splits the mains of many buildings, known by name, with all models; not thread-safe."""

    def __init__(self, models: Sequence[Model]) -> None:
        self._served = [_Served(model) for model in models]
        self.columns: tuple[Column, ...] = tuple(c for served in self._served for c in served.columns)
        self.history_s: int = max((served.spec.history_s for served in self._served), default=0)
        self._rows: dict[str, int] = {}
        self._free: list[int] = []

    def predict(self, building: str, at_ms: int, power_w: float) -> Tick:
        """The tick of one building's next second; `at_ms` must be above the last. ValueError where it is not."""
        return self.predict_many([building], [at_ms], [power_w])[0]

    def predict_many(self, buildings: Sequence[str], at_ms: Sequence[int], power_w: Sequence[float]) -> list[Tick]:
        """`predict` for several different buildings, in one call of each model."""
        known = list(map(self._rows.get, buildings))
        rows = np.array([self._row(b) for b in buildings] if None in known else known, np.intp)
        times_ms, mains_w = np.array(at_ms, np.int64), _possible(power_w)
        values = _side_by_side([served.tick(rows, times_ms, mains_w) for served in self._served], len(rows))
        other_w = constrain(values, mains_w)
        return list(map(Tick, buildings, at_ms, repeat(self.columns), values, other_w.tolist()))

    def warm(
        self, building: str, samples: Sequence[tuple[int, float]], predictions: PredictionTable | None = None
    ) -> None:
        """Stand where a process that never stopped would stand after `samples`, (at_ms, power_w) oldest first.

        Exact when they reach back `history_s` seconds or to the last long gap, and `predictions` are those that were
        made for them; without predictions of a model, what was on is worked out anew from the samples.
        """
        self.forget(building)
        if not samples:
            return
        row = np.intp(self._row(building))
        at_ms = np.array([s[0] for s in samples], np.int64)
        mains_w = _possible([s[1] for s in samples])
        for served in self._served:
            served.warm(int(row), at_ms, mains_w, predictions)

    def forget(self, building: str) -> None:
        """Drop a building's history; its next second starts anew."""
        if building in self._rows:
            row = self._rows.pop(building)
            for served in self._served:
                served.clear(row)
            self._free.append(row)

    def score(self, at_ms: NDArray[np.int64], power_w: NDArray[np.float64]) -> Iterator[PredictionTable]:
        """What `predict` would have said to one building's samples, by the window graph; tables in sequence."""
        mains_w = _possible(power_w)
        for start in range(0, len(at_ms), _CHUNK_S):
            part = slice(start, min(start + _CHUNK_S, len(at_ms)))
            found = [served.score(at_ms, mains_w, part) for served in self._served]
            values = _side_by_side(found, part.stop - part.start)
            other_w = constrain(values, mains_w[part])
            yield PredictionTable(self.columns, at_ms[part], values, other_w)

    def _row(self, building: str) -> int:
        row = self._rows.get(building)
        if row is None:
            if not self._free:
                have = len(self._rows)
                self._free = list(range(2 * have + 1, have - 1, -1))
                for served in self._served:
                    served.grow(2 * have + 2)
            row = self._rows[building] = self._free.pop()
        return row


class _Served:
    """One model and its memory of every building."""

    def __init__(self, model: Model) -> None:
        self._model, self.spec = model, model.spec
        self.columns = tuple(Column(a.name, model.spec.name) for a in model.spec.appliances)
        self._encoder = Encoder(self.spec.preprocessing)
        self._decoder = Decoder(self.spec.appliances)
        self._rule = Rule.of(self.spec.appliances)
        self._max_gap_ms = (self.spec.preprocessing.max_fill_s + 1) * 1000
        self._taps = Taps(self.spec.network)
        self._mains = Mains(self.spec.preprocessing.memory_s)
        self._state = State.fresh(0, len(self.columns))
        self._last_ms = np.zeros(0, np.int64)
        self._last_w = np.zeros(0, np.float32)
        self._scored = State.fresh(1, len(self.columns))

    def grow(self, rows: int) -> None:
        more = rows - len(self._last_ms)
        self._taps.grow(rows)
        self._mains.grow(rows)
        fresh = State.fresh(more, len(self.columns))
        self._state = State(
            np.concatenate([self._state.on, fresh.on]), np.concatenate([self._state.since_ms, fresh.since_ms])
        )
        self._last_ms = np.concatenate([self._last_ms, np.zeros(more, np.int64)])
        self._last_w = np.concatenate([self._last_w, np.zeros(more, np.float32)])

    def clear(self, row: int) -> None:
        fresh = State.fresh(1, len(self.columns))
        self._taps.clear(row)
        self._mains.clear(row)
        self._state.on[row], self._state.since_ms[row] = fresh.on[0], fresh.since_ms[0]

    def tick(self, rows: Rows, at_ms: NDArray[np.int64], mains_w: NDArray[np.float64]) -> NDArray[np.void]:
        """COLUMN (n, appliance) of the next second of n buildings, not yet constrained."""
        self._bridge(rows, at_ms)
        power_w = mains_w.astype(np.float32)
        y = self._run(rows, power_w)
        self._last_ms[rows], self._last_w[rows] = at_ms, power_w
        p_on = self._decoder.p_on(y)
        state = advance(self._rule, State(self._state.on[rows], self._state.since_ms[rows]), p_on, at_ms)
        self._state.on[rows], self._state.since_ms[rows] = state.on, state.since_ms
        values = self._decoder.values(y, p_on, state.on)
        values["warmup"] = (self._mains.seconds(rows) < self.spec.history_s)[:, None]
        return values

    def warm(
        self, row: int, at_ms: NDArray[np.int64], mains_w: NDArray[np.float64], predictions: PredictionTable | None
    ) -> None:
        """Rebuild one building's memory from its samples and what was said of them."""
        start = int(self._starts(at_ms)[-1])
        at_ms, power_w = at_ms[start:], mains_w[start:].astype(np.float32)
        held, real = _hold(at_ms, power_w)
        y, layers = self._model.replay(self._encoder.encode_series(held))
        self._taps.load(row, layers)
        self._mains.load(row, held)
        self._last_ms[row], self._last_w[row] = at_ms[-1], power_w[-1]
        state = self._resumed(predictions, int(at_ms[0]), int(at_ms[-1]))
        if state is None:
            _, state = sweep(self._rule, State.fresh(1, len(self.columns)), self._decoder.p_on(y[real]), at_ms)
        self._state.on[row], self._state.since_ms[row] = state.on[0], state.since_ms[0]

    def score(self, at_ms: NDArray[np.int64], mains_w: NDArray[np.float64], part: slice) -> NDArray[np.void]:
        """COLUMN (t, appliance) of the samples of `part`, not yet constrained; parts must follow one another."""
        values = np.zeros((part.stop - part.start, len(self.columns)), COLUMN)
        first = int(np.searchsorted(at_ms, at_ms[part.start] - self.spec.history_s * 1000, side="right")) - 1
        first = max(first, 0)  # the sample whose value is held where history begins
        anew = self._starts(at_ms[: part.stop])
        runs = [first, *anew[anew > first].tolist(), part.stop]
        for begin, end in pairwise(runs):
            if end <= part.start:
                continue
            head, began = max(begin, part.start), anew[np.searchsorted(anew, begin, side="right") - 1]
            if head == began:
                self._scored = State.fresh(1, len(self.columns))
            held, real = _hold(at_ms[begin:end], mains_w[begin:end].astype(np.float32))
            wanted = real[head - begin :]
            y = self._model.window(self._encoder.encode_series(held))[wanted]
            p_on = self._decoder.p_on(y)
            on, self._scored = sweep(self._rule, self._scored, p_on, at_ms[head:end])
            run = values[head - part.start : end - part.start]
            run[:] = self._decoder.values(y, p_on, on)
            run["warmup"] = ((at_ms[head:end] - at_ms[began]) // 1000 + 1 < self.spec.history_s)[:, None]
        return values

    def _bridge(self, rows: Rows, at_ms: NDArray[np.int64]) -> None:
        """Hold the last value over a short gap, start anew after a long one."""
        known = self._mains.seconds(rows) > 0
        gap_ms = np.where(known, at_ms - self._last_ms[rows], 1000)
        if (gap_ms == 1000).all():
            return
        if (gap_ms < 1000).any() or (gap_ms % 1000).any():
            raise ValueError("at_ms must go up by whole seconds for each building")
        for row in rows[gap_ms > self._max_gap_ms]:
            self.clear(int(row))
        missing = np.where(gap_ms > self._max_gap_ms, 0, gap_ms // 1000 - 1)
        while missing.any():
            held = rows[missing > 0]
            self._run(held, self._last_w[held])
            missing = np.maximum(missing - 1, 0)

    def _run(self, rows: Rows, power_w: NDArray[np.float32]) -> NDArray[np.float32]:
        self._mains.push(rows, power_w)
        x = self._encoder.encode(power_w, self._mains.lagged(rows, self._encoder.lags_s), self._mains.least(rows))
        y, activations = self._model.step(x, self._taps.gather(rows))
        self._taps.push(rows, activations)
        return y

    def _starts(self, at_ms: NDArray[np.int64]) -> NDArray[np.intp]:
        """Where history starts anew: 0 and each sample after a long gap."""
        return np.concatenate([[0], np.flatnonzero(np.diff(at_ms) > self._max_gap_ms) + 1])

    def _resumed(self, predictions: PredictionTable | None, first_ms: int, last_ms: int) -> State | None:
        if predictions is None:
            return None
        place = {column: n for n, column in enumerate(predictions.columns)}
        known = (predictions.at_ms >= first_ms) & (predictions.at_ms <= last_ms)
        if not known.any() or any(column not in place for column in self.columns):
            return None
        on = predictions.values["on"][known][:, [place[column] for column in self.columns]]
        return resume(on, predictions.at_ms[known])


def _side_by_side(columns: Sequence[NDArray[np.void]], rows: int) -> NDArray[np.void]:
    """The appliances of all models in one table; a copy only where there are several."""
    if len(columns) == 1:
        return columns[0]
    return np.concatenate([np.zeros((rows, 0), COLUMN), *columns], axis=1)


def _possible(power_w: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Mains that can be reckoned with: what is no number counts as 0 W."""
    finite = np.nan_to_num(np.asarray(power_w, np.float64), nan=0.0, posinf=POWER_LIMIT_W, neginf=-POWER_LIMIT_W)
    return np.clip(finite, -POWER_LIMIT_W, POWER_LIMIT_W)


def _hold(at_ms: NDArray[np.int64], power_w: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Samples on a grid without gaps, each value held until the next, and each sample's place on it."""
    real = (at_ms - at_ms[0]) // 1000
    return np.repeat(power_w, np.diff(real, append=real[-1] + 1)), real
