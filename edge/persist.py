"""nilm-persist: what waits in the outbox goes to InfluxDB; removed only after InfluxDB has it."""

import time
from collections import defaultdict
from pathlib import Path

from edge.adapters.changed_hours import PREDICT, ChangedHours
from edge.adapters.files import write_whole
from edge.adapters.influx import Influx
from edge.adapters.streams import OutboxEntry, Streams
from edge.config import influx_token
from edge.core.line_protocol import sample_line, tick_lines
from edge.core.sample import Flags, Sample
from edge.errors import Rejected, Unavailable
from edge.settings import Config
from edge.unit import Unit, now_ms

_BATCH = 2000
"""Outbox entries a building in one write: about 12,000 points."""


def run(config: Config) -> None:
    """Serve until told to stop."""
    streams = Streams.connect(config.redis.url, config.redis.outbox_h)
    unit = Unit("persist", streams)
    outlet = Outlet(config, streams, Influx.connect(config.influx, influx_token(config)))
    while not unit.stopping:
        try:
            outlet.turn()
            unit.worked()
        except Unavailable as error:
            outlet.start_over()
            unit.failed(error)
        unit.beat(outlet.status, persisted=outlet.persisted, rejected=outlet.rejected, lag_ms=outlet.lag_ms)


class Outlet:
    """Reads the outbox in order, writes it, removes it."""

    def __init__(self, config: Config, streams: Streams, influx: Influx) -> None:
        self._settings = config.influx
        self._rejected_dir = Path(config.data_dir) / "rejected"
        self._streams = streams
        self._influx = influx
        self._changed = ChangedHours(Path(config.data_dir))
        self._prepared = False
        self.persisted = 0
        self.rejected = 0
        self.lag_ms = 0
        self.status = "waiting for samples"

    def start_over(self) -> None:
        """After a fault: the databases may be gone as well."""
        self._prepared = False

    def turn(self, timeout_s: float = 0.5) -> None:
        """Write what waits in the outbox, or wait `timeout_s` for something; Unavailable leaves it there."""
        if not self._prepared:
            self._influx.prepare()
            self._prepared = True
        buildings = self._streams.buildings()
        if not buildings:
            time.sleep(timeout_s)
            return
        oldest = dict.fromkeys(buildings, b"0-0")
        waiting = self._streams.read_outbox(oldest, _BATCH, timeout_s)
        if waiting and max(len(entries) for entries in waiting.values()) < _BATCH:
            time.sleep(self._settings.linger_s)  # a second's predictions follow its sample at once
            waiting = self._streams.read_outbox(oldest, _BATCH, timeout_s)
        for building, entries in waiting.items():
            self._write(entries)
            self._changed.note(building, _late_ms(entries), (PREDICT,))
            self._streams.remove_from_outbox(building, entries[-1].id)
            self.persisted += len(entries)
            self.lag_ms = now_ms() - entries[-1].content.at_ms
            self.status = f"stored up to {self.lag_ms / 1000:.1f} s ago"

    def _write(self, entries: list[OutboxEntry]) -> None:
        batches: dict[str, list[str]] = defaultdict(list)
        for entry in entries:
            if isinstance(entry.content, Sample):
                batches[self._settings.bucket_raw].append(sample_line(entry.content))
            else:
                batches[self._settings.bucket_pred] += tick_lines(entry.content)
        for bucket, lines in batches.items():
            try:
                self._influx.write(bucket, "\n".join(lines))
            except Rejected as error:
                self._set_aside(lines, error)

    def _set_aside(self, lines: list[str], error: Rejected) -> None:
        """InfluxDB keeps the good lines of a batch that it answers 400; the batch is kept for a person to look at."""
        content = "\n".join([f"# {error}", *lines, ""])
        write_whole(self._rejected_dir / f"{time.time_ns()}.lp", content.encode())
        self.rejected += 1
        self.status = f"InfluxDB refused a batch, set aside in {self._rejected_dir}"


def _late_ms(entries: list[OutboxEntry]) -> list[int]:
    """The samples that inference has not seen in their place."""
    samples = [entry.content for entry in entries if isinstance(entry.content, Sample)]
    return [sample.at_ms for sample in samples if sample.flags & Flags.LATE]
