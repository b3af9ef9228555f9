"""Redis: each building's window, predictions, outbox and counters, and what the services say of themselves.

What an appliance's own meter says is a sample too: of a window of its own, and of the building's outbox.
A stream entry of the window and of the predictions has the id `<at_ms>-0`, so a second is there once or not at all.
The outbox numbers its entries by itself; its reader removes them once they are stored.
Predictions bring numpy with them, 20 MiB, so that they are imported by the methods that touch them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import orjson
import redis

from edge.adapters.redis_measured import Measured
from edge.adapters.redis_tail import Tail
from edge.adapters.redis_terms import at_ms_of, available, client_of, closed_with, key_of
from edge.core.sample import WINDOW_S, Flags, Sample

if TYPE_CHECKING:
    from edge.core.prediction import Column, PredictionTable, Tick

_HERE = Path(__file__).parent
_LOOK = 5000
"""Outbox entries that are looked through at a time."""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """What waits to be stored: a sample, or one second of predictions."""

    id: bytes
    content: Sample | Tick


class Streams(Measured, Tail):
    """One connection to Redis. Every method raises Unavailable while Redis cannot do its part."""

    def __init__(self, client: redis.Redis, outbox_h: int, circuits: Mapping[str, int] | None = None) -> None:
        self._redis: Any = closed_with(self, client)
        self._outbox_s = outbox_h * 3600
        self._circuits = circuits or {}
        self._add_sample: Callable[..., Any] = client.register_script((_HERE / "add_sample.lua").read_text())
        self._add_tick: Callable[..., Any] = client.register_script((_HERE / "add_tick.lua").read_text())
        self._layouts: dict[bytes, tuple[Column, ...]] = {}
        self._written: dict[tuple[Column, ...], bytes] = {}

    @classmethod
    def connect(
        cls, url: str, outbox_h: int = 26, timeout_s: float = 5.0, circuits: Mapping[str, int] | None = None
    ) -> Self:
        """Prepare a connection; Redis need not be there yet. `circuits`: how many a building measures."""
        return cls(client_of(url, timeout_s), outbox_h, circuits)

    # -- the pipeline's way in ----------------------------------------------------------------

    def add_samples(self, samples: Sequence[Sample]) -> list[str]:
        """Store samples, oldest first; say of each: accepted, duplicate or late."""
        with available():
            pipeline = self._redis.pipeline(transaction=False)
            for building in {sample.building for sample in samples if not sample.appliance}:
                pipeline.sadd("nilm:buildings", building)
            for building, appliance in {(sample.building, sample.appliance) for sample in samples if sample.appliance}:
                pipeline.sadd(key_of(building, "measured"), appliance)
            for sample in samples:
                window = f"measured:{sample.appliance}" if sample.appliance else "window"
                counters = "measured_counters" if sample.appliance else "counters"
                keys = [key_of(sample.building, name) for name in (window, "outbox", counters)]
                length = self._outbox_length(sample.building)
                args = [sample.at_ms, WINDOW_S, length, int(sample.flags), *_fields(sample)]
                self._add_sample(keys=keys, args=args, client=pipeline)
            return [verdict.decode() for verdict in pipeline.execute()[-len(samples) :]]

    def add_ticks(self, ticks: Sequence[Tick]) -> None:
        """Store predictions, oldest first; a second that has its own already keeps them."""
        from edge.core.prediction import pack  # noqa: PLC0415

        if not ticks:
            return
        with available():
            pipeline = self._redis.pipeline(transaction=False)
            for tick in ticks:
                keys = [key_of(tick.building, name) for name in ("predictions", "outbox", "counters")]
                layout = self._layout_of(tick.columns)
                packed = pack(tick.values, tick.other_w)
                args = [tick.at_ms, WINDOW_S, self._outbox_length(tick.building), layout, packed]
                self._add_tick(keys=keys, args=args, client=pipeline)
            pipeline.execute()

    def _outbox_length(self, building: str) -> int:
        """Each second, an entry for the sample, for its predictions, for each appliance that is measured."""
        return self._outbox_s * (2 + self._circuits.get(building, 0))

    # -- reading the last hour ----------------------------------------------------------------

    def buildings(self) -> list[str]:
        """The buildings that ever had a sample, sorted."""
        with available():
            return sorted(name.decode() for name in self._redis.smembers("nilm:buildings"))

    def window(self, building: str, last: int = WINDOW_S) -> list[Sample]:
        """The newest `last` samples, oldest first."""
        with available():
            entries = self._redis.xrevrange(key_of(building, "window"), count=last)
        return [_sample(building, entry_id, fields) for entry_id, fields in reversed(entries)]

    def readings(self, building: str, last: int = WINDOW_S) -> list[tuple[int, float, int]]:
        """The same as (at_ms, power_w, flags): three times as fast, for readers that want no more."""
        with available():
            entries = self._redis.xrevrange(key_of(building, "window"), count=last)
        return [
            (at_ms_of(entry_id), float(fields[b"power_w"]), int(fields[b"flags"]))
            for entry_id, fields in reversed(entries)
        ]

    def samples_after(self, building: str, at_ms: int, until_ms: int | None = None) -> list[Sample]:
        """The window's samples newer than `at_ms`, up to `until_ms`, oldest first."""
        until = "+" if until_ms is None else f"{until_ms}-0"
        with available():
            entries = self._redis.xrange(key_of(building, "window"), min=f"({at_ms}-0", max=until)
        return [_sample(building, entry_id, fields) for entry_id, fields in entries]

    def predictions(self, building: str, last: int = WINDOW_S) -> list[PredictionTable]:
        """The newest `last` seconds of predictions, oldest first: one table for each run of the same columns."""
        with available():
            entries = self._redis.xrevrange(key_of(building, "predictions"), count=last)
            return self._tables(entries[::-1])

    def predictions_after(self, building: str, at_ms: int, count: int | None = None) -> list[PredictionTable]:
        """The predictions newer than `at_ms`, oldest first; the first `count` of them."""
        with available():
            return self._tables(self._redis.xrange(key_of(building, "predictions"), min=f"({at_ms}-0", count=count))

    def newest_ms(self, building: str, stream: str) -> int | None:
        """The newest second in a building's `window` or `predictions`."""
        with available():
            entries = self._redis.xrevrange(key_of(building, stream), count=1)
        return at_ms_of(entries[0][0]) if entries else None

    def oldest_ms(self, building: str, stream: str) -> int | None:
        """The oldest second in a building's `window` or `predictions`."""
        with available():
            entries = self._redis.xrange(key_of(building, stream), count=1)
        return at_ms_of(entries[0][0]) if entries else None

    def oldest_unpredicted_ms(self, building: str) -> int | None:
        """The oldest second of the window that has no prediction yet; None where each has."""
        after = self.newest_ms(building, "predictions") or 0
        with available():
            entries = self._redis.xrange(key_of(building, "window"), min=f"({after}-0", count=1)
        return at_ms_of(entries[0][0]) if entries else None

    def length(self, building: str, stream: str) -> int:
        """How many entries a building's `window`, `predictions` or `outbox` holds."""
        with available():
            return int(self._redis.xlen(key_of(building, stream)))

    def wait(self, stream: str, after_ms: Mapping[str, int], timeout_s: float) -> set[str]:
        """Wait until some building's `stream` has a second newer than the one named; say which buildings."""
        if not after_ms:
            raise ValueError("no building to wait for")
        wanted = {key_of(building, stream): f"{at_ms}-0" for building, at_ms in after_ms.items()}
        with available():
            found = self._redis.xread(wanted, count=1, block=max(1, round(timeout_s * 1000)))
        return {_building(name) for name, _ in _streams(found)}

    # -- the outbox ---------------------------------------------------------------------------

    def read_outbox(self, after: Mapping[str, bytes], count: int, timeout_s: float) -> dict[str, list[OutboxEntry]]:
        """Wait for entries after each building's id (b"0-0" for all); at most `count` a building, oldest first."""
        wanted = {key_of(building, "outbox"): entry_id for building, entry_id in after.items()}
        with available():
            found = self._redis.xread(wanted, count=count, block=max(1, round(timeout_s * 1000)))
            return {
                _building(name): [self._outbox_entry(_building(name), *entry) for entry in entries]
                for name, entries in _streams(found)
            }

    def oldest_waiting_ms(self, building: str) -> int | None:
        """The oldest second in a building's outbox, which late samples keep out of order; None where it is empty."""
        oldest_ms, after = None, b"-"
        while True:
            with available():
                entries = self._redis.xrange(key_of(building, "outbox"), min=after, count=_LOOK)
            times_ms = [int(fields[b"at_ms"]) for _, fields in entries]
            oldest_ms = min([*times_ms, *([] if oldest_ms is None else [oldest_ms])], default=None)
            if len(entries) < _LOOK:
                return oldest_ms
            after = b"(" + entries[-1][0]

    def newest_in_outbox(self, building: str, count: int) -> list[OutboxEntry]:
        """A building's newest `count` outbox entries, oldest first."""
        with available():
            entries = self._redis.xrevrange(key_of(building, "outbox"), count=count)
            return [self._outbox_entry(building, *entry) for entry in reversed(entries)]

    def remove_from_outbox(self, building: str, up_to: bytes) -> None:
        """Remove a building's outbox entries up to and including id `up_to`: they are stored."""
        milliseconds, _, sequence = up_to.partition(b"-")
        with available():
            self._redis.xtrim(
                key_of(building, "outbox"), minid=b"%s-%d" % (milliseconds, int(sequence) + 1), approximate=False
            )

    # -- what the services say ----------------------------------------------------------------

    def beat(self, service: str, state: Mapping[str, Any]) -> None:
        """Say how `service` is; `state` must be JSON."""
        with available():
            self._redis.hset("nilm:services", service, orjson.dumps(dict(state)))

    def services(self) -> dict[str, dict[str, Any]]:
        """What each service said last of itself."""
        with available():
            said = self._redis.hgetall("nilm:services")
        return {name.decode(): orjson.loads(state) for name, state in sorted(said.items())}

    def reloads(self, more: int = 0) -> int:
        """How often models were asked to be loaded anew, `more` times by this call."""
        with available():
            return int((self._redis.incrby("nilm:reload", more) if more else self._redis.get("nilm:reload")) or 0)

    def ping(self) -> None:
        """Raise Unavailable unless Redis answers."""
        with available():
            self._redis.ping()

    # -- layouts: which columns a packed tick has ---------------------------------------------

    def _layout_of(self, columns: tuple[Column, ...]) -> bytes:
        if columns not in self._written:
            text = orjson.dumps([[column.appliance, column.model] for column in columns])
            layout = sha256(text).hexdigest()[:12].encode()
            self._redis.hset("nilm:layouts", layout, text)
            self._written[columns] = layout
        return self._written[columns]

    def _columns_of(self, layout: bytes) -> tuple[Column, ...]:
        from edge.core.prediction import Column  # noqa: PLC0415

        if layout not in self._layouts:
            text = self._redis.hget("nilm:layouts", layout)
            self._layouts[layout] = tuple(Column(*pair) for pair in orjson.loads(text))
        return self._layouts[layout]

    def _tables(self, entries: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> list[PredictionTable]:
        from edge.core.prediction import unpack  # noqa: PLC0415

        tables = []
        for layout, run in groupby(entries, key=lambda entry: entry[1][b"layout"]):
            rows = list(run)
            at_ms = [at_ms_of(entry_id) for entry_id, _ in rows]
            tables.append(unpack(self._columns_of(layout), at_ms, [fields[b"packed"] for _, fields in rows]))
        return tables

    def _outbox_entry(self, building: str, entry_id: bytes, fields: dict[bytes, bytes]) -> OutboxEntry:
        at_ms = int(fields[b"at_ms"])
        if b"layout" not in fields:
            return OutboxEntry(entry_id, _sample(building, fields[b"at_ms"], fields))
        from edge.core.prediction import Tick, unpack  # noqa: PLC0415

        columns = self._columns_of(fields[b"layout"])
        table = unpack(columns, [at_ms], [fields[b"packed"]])
        return OutboxEntry(entry_id, Tick(building, at_ms, columns, table.values[0], float(table.other_w[0])))


def _building(key: bytes) -> str:
    return key.decode().split(":")[1]


def _fields(sample: Sample) -> list[str]:
    named = (("power_w", sample.power_w), ("voltage_v", sample.voltage_v), ("current_a", sample.current_a))
    texts = (("appliance", sample.appliance), ("run_id", sample.run_id))
    fields = [text for name, value in named if value is not None for text in (name, repr(value))]
    return fields + [text for name, value in texts if value for text in (name, value)]


def _sample(building: str, entry_id: bytes, fields: Mapping[bytes, bytes]) -> Sample:
    def number(name: bytes) -> float | None:
        return float(fields[name]) if name in fields else None

    flags = Flags(int(fields[b"flags"]))
    power_w = float(fields[b"power_w"])
    texts = (fields.get(name, b"").decode() for name in (b"appliance", b"run_id"))
    return Sample(building, at_ms_of(entry_id), power_w, number(b"voltage_v"), number(b"current_a"), flags, *texts)


def _streams(found: Any) -> list[tuple[bytes, Any]]:
    """XREAD's answer as (key, entries) pairs, whichever protocol the server speaks."""
    if not found:
        return []
    pairs = found.items() if isinstance(found, dict) else found
    return [(name, entries[0] if isinstance(found, dict) else entries) for name, entries in pairs]
