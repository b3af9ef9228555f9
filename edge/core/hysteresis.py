"""Hysteresis: when an appliance counts as on, from its probability and its minimum times."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.core.registry import Appliance

NEVER_MS = -(2**62)
"""The `since_ms` of a state that has no beginning: every minimum time has passed."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Per appliance: on at `on_level`, off below `off_level`, each held for its minimum time."""

    on_level: NDArray[np.float32]
    off_level: NDArray[np.float32]
    min_on_ms: NDArray[np.int64]
    min_off_ms: NDArray[np.int64]

    @classmethod
    def of(cls, appliances: Sequence[Appliance]) -> "Rule":
        """The registry's constants as arrays (appliance,)."""
        return cls(
            np.array([a.on_level for a in appliances], np.float32),
            np.array([a.off_level for a in appliances], np.float32),
            np.array([a.min_on_s * 1000 for a in appliances], np.int64),
            np.array([a.min_off_s * 1000 for a in appliances], np.int64),
        )


@dataclass(slots=True)
class State:
    """Whether each appliance is on, and since when: arrays (n, appliance)."""

    on: NDArray[np.bool_]
    since_ms: NDArray[np.int64]

    @classmethod
    def fresh(cls, buildings: int, appliances: int) -> "State":
        """Everything off, for ever."""
        return cls(np.zeros((buildings, appliances), np.bool_), np.full((buildings, appliances), NEVER_MS, np.int64))


def advance(rule: Rule, state: State, p_on: NDArray[np.float32], at_ms: NDArray[np.int64]) -> State:
    """The state one sample later: `p_on` (n, appliance) at `at_ms` (n,)."""
    held_ms = at_ms[:, None] - state.since_ms
    rises = ~state.on & (p_on >= rule.on_level) & (held_ms >= rule.min_off_ms)
    falls = state.on & (p_on < rule.off_level) & (held_ms >= rule.min_on_ms)
    flips = rises | falls
    return State(state.on ^ flips, np.where(flips, at_ms[:, None], state.since_ms))


def sweep(
    rule: Rule, state: State, p_on: NDArray[np.float32], at_ms: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], State]:
    """`advance` over t samples of one building, jumping from flip to flip: on (t, appliance) and the last state."""
    on = np.empty(p_on.shape, np.bool_)
    end = State(state.on.copy(), state.since_ms.copy())
    for a in range(p_on.shape[1]):
        above = np.flatnonzero(p_on[:, a] >= rule.on_level[a])
        below = np.flatnonzero(p_on[:, a] < rule.off_level[a])
        now_on, since_ms, at = bool(state.on[0, a]), int(state.since_ms[0, a]), 0
        while at < len(at_ms):
            least_ms = int(rule.min_on_ms[a] if now_on else rule.min_off_ms[a])
            flips = below if now_on else above
            earliest = max(at, int(np.searchsorted(at_ms, since_ms + least_ms)))
            found = int(np.searchsorted(flips, earliest))
            flip = int(flips[found]) if found < len(flips) else len(at_ms)
            on[at:flip, a] = now_on
            at = flip
            if flip < len(at_ms):
                now_on, since_ms = not now_on, int(at_ms[flip])
                on[flip, a] = now_on
                at = flip + 1
        end.on[0, a], end.since_ms[0, a] = now_on, since_ms
    return on, end


def resume(on: NDArray[np.bool_], at_ms: NDArray[np.int64]) -> State:
    """The state after samples whose `on` (t, appliance) is known since the start or longer than any minimum time."""
    state = State.fresh(1, on.shape[1])
    if not len(at_ms):
        return state
    state.on[0] = on[-1]
    for a in range(on.shape[1]):
        changes = np.flatnonzero(on[1:, a] != on[:-1, a])
        if len(changes):
            state.since_ms[0, a] = at_ms[changes[-1] + 1]
        elif on[0, a]:
            state.since_ms[0, a] = at_ms[0]
    return state
