"""A total whose parts come in messages of their own, such as the phases of a meter."""

from edge.meters.reading import NoSample

_LEARN_MS = 2000


class Parts:
    """Sums the latest value of each part. `wanted`: how many there are, 0: as many as are heard.

    Where that is not said, what is heard in the first 2 s are the parts; one that is heard later is added. A part
    that has been silent for longer than the others keep talking, `stale_ms`, makes the sum unknown.
    """

    def __init__(self, wanted: int, stale_ms: int) -> None:
        self._wanted = wanted
        self._stale_ms = stale_ms
        self._first_ms: int | None = None
        self._values: dict[str, float] = {}
        self._heard_ms: dict[str, int] = {}
        self._round: set[str] = set()

    @property
    def values(self) -> dict[str, float]:
        """Each part's latest value."""
        return dict(self._values)

    @property
    def more_follow(self) -> bool:
        """Whether some parts have not spoken since the others did last."""
        return bool(self._round)

    def lost(self, part: str) -> None:
        """This part has no value now."""
        self._values.pop(part, None)
        self._heard_ms.setdefault(part, 0)

    def heard(self, part: str, value: float, now_ms: int) -> float | NoSample:
        """The sum after this part's message at `now_ms`, monotonic."""
        self._first_ms = now_ms if self._first_ms is None else self._first_ms
        self._round = {part} if part in self._round else self._round | {part}
        if part not in self._values or len(self._round) == len(self._values):
            self._round = set()  # all have spoken; one that is new is taken for the last of them
        self._values[part], self._heard_ms[part] = value, now_ms
        if len(self._values) < self._wanted:
            return NoSample(f"{', '.join(sorted(self._values))} of {self._wanted} phases so far")
        if not self._wanted and now_ms - self._first_ms < _LEARN_MS:
            return NoSample("finding out which phases there are; set phases to know at once")
        silent = [name for name, at_ms in self._heard_ms.items() if now_ms - at_ms > self._stale_ms]
        silent += [name for name in self._heard_ms if name not in self._values and name not in silent]
        if silent:
            return NoSample(f"phase {', '.join(sorted(silent))} is silent")
        return sum(self._values.values())
