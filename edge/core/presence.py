"""Whether each building's meter is heard, told as changes, so that a missing second can be explained later."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What is known of a meter from some moment on."""

    HEARD = "heard"
    SILENT = "silent"
    """The broker is there, the meter sends nothing."""
    REFUSED = "refused"
    """The meter sends, and nothing that can be taken."""
    NO_BROKER = "no broker"
    DOWN = "down"
    """nilm-edge itself was not running."""


@dataclass(frozen=True, slots=True)
class Change:
    """A building's meter is in `state` since `ago_ms` before now."""

    building: str
    state: State
    ago_ms: int


class Watch:
    """Times are monotonic ms. A meter counts as silent after its `quiet_after_ms`."""

    def __init__(self, quiet_after_ms: Mapping[str, int], now_ms: int) -> None:
        self._quiet_after_ms = dict(quiet_after_ms)
        self._heard_ms: dict[str, int] = {}
        self._refused_ms: dict[str, int] = {}
        self._since_ms = now_ms
        self._told: dict[str, State] = {}

    def heard(self, building: str, now_ms: int) -> None:
        """A sample of this building was stored."""
        self._heard_ms[building] = now_ms

    def refused(self, building: str, now_ms: int) -> None:
        """A message of this building was no sample that can be taken."""
        self._refused_ms[building] = now_ms

    def lost_touch(self, now_ms: int) -> None:
        """What was sent up to now may still come: no silence before it is known."""
        self._since_ms = now_ms

    def changes(self, connected: bool, now_ms: int) -> list[Change]:
        """What `told` was not told yet; `connected`: the broker is there."""
        if not connected:
            self._since_ms = now_ms
        found = (self._change(building, connected, now_ms) for building in self._quiet_after_ms)
        return [change for change in found if change and change.state != self._told.get(change.building)]

    def told(self, change: Change) -> None:
        """This one is remembered."""
        self._told[change.building] = change.state

    def _change(self, building: str, connected: bool, now_ms: int) -> Change | None:
        if not connected:
            return Change(building, State.NO_BROKER, 0)
        quiet_after_ms = self._quiet_after_ms[building]
        heard_ms = self._heard_ms.get(building, -1)
        quiet_ms = now_ms - max(heard_ms, self._since_ms)
        if quiet_ms <= quiet_after_ms:
            return Change(building, State.HEARD, now_ms - heard_ms) if heard_ms >= self._since_ms else None
        refused = now_ms - self._refused_ms.get(building, -quiet_after_ms) < quiet_after_ms
        return Change(building, State.REFUSED if refused else State.SILENT, quiet_ms)
