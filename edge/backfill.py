"""nilm-backfill: missing seconds from the window or a meter's log go to InfluxDB; predictions are made for them."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.adapters.changed_hours import HOUR_MS, PREDICT, READERS, ChangedHours
from edge.adapters.influx import Influx
from edge.adapters.processes import lock
from edge.adapters.streams import Streams
from edge.backfill_queue import BackfillQueue
from edge.config import influx_token
from edge.core.backfill import better, hours_between, on_seconds, parts, runs
from edge.core.counters import fill, intervals
from edge.core.line_protocol import sample_line
from edge.core.sample import Flags, Sample
from edge.errors import NilmError, Unavailable
from edge.gaps import DAY_MS, MAX_DAYS, SETTLING_MS
from edge.meter_log import MeterLog
from edge.repredict import Repredictor
from edge.settings import Config
from edge.stored_mains import Seconds, StoredMains
from edge.unit import now_ms
from edge.unstored import oldest_unstored_ms

log = logging.getLogger("nilm.backfill")

_PART_S = 6 * 3600
_BATCH = 10_000
_TRIES = 5


def run(config: Config, meter_log: MeterLog | None = None, building: str = "", **span: int) -> dict[str, Any]:
    """Do all that is due, or with a meter's log what it changes; what was done. NilmError while one is at work.

    `span`: days_back and max_gap_h, where not as asked for or configured.
    """
    data_dir = Path(config.data_dir)
    try:
        (data_dir / "backfill").mkdir(parents=True, exist_ok=True)
        holder = lock(data_dir / "backfill" / ".lock")
    except OSError as error:
        raise Unavailable(f"cannot write in {data_dir}: {error.strerror}") from error
    if holder is None:
        raise NilmError("another nilm-edge backfill is at work; let it finish.")
    with holder:
        queue = BackfillQueue(data_dir)
        influx = Influx.connect(config.influx, influx_token(config))
        job = Backfill(config, Streams.connect(config.redis.url), influx, queue)
        try:
            job.say("begun")
            if meter_log:
                job.from_log(meter_log, building)
            else:
                settings = config.backfill
                job.auto(**{"days_back": settings.days_back, "max_gap_h": settings.max_gap_h, **queue.take(), **span})
                queue.finish()
            job.ended("done")
        except NilmError as error:
            job.ended("failed", str(error))
            raise
        return job.done


@dataclass(frozen=True, slots=True)
class _Span:
    """Seconds are written from `oldest_ms` until before `settled_ms`."""

    oldest_ms: int
    settled_ms: int


class Backfill:
    """One pass. `done` says what happened, ready to be JSON."""

    def __init__(self, config: Config, streams: Streams, influx: Influx, queue: BackfillQueue) -> None:
        self._config = config
        self._data_dir = Path(config.data_dir)
        self._streams = streams
        self._influx = influx
        self._queue = queue
        self._stored = StoredMains(config, influx)
        self._changed = ChangedHours(self._data_dir)
        self._repredictor = Repredictor(config, influx, self.say)
        self.done: dict[str, Any] = {"started_ms": now_ms(), "buildings": {}, "left": [], "predicted_s": 0}

    def auto(self, days_back: int, max_gap_h: int) -> None:
        """What the window has and InfluxDB has not, and predictions wherever they are missing or of other mains."""
        self._influx.prepare()
        for building in self._buildings():
            settled_ms = self._settled_ms(building)
            if settled_ms < now_ms() - HOUR_MS:
                self._leave(f"{building}: seconds still wait to be predicted or stored; once they are, this goes on")
                continue
            self._from_window(building, settled_ms)
            self._note_unpredicted(building, settled_ms, days_back, max_gap_h)
            self._predict(building, settled_ms)

    def from_log(self, given: MeterLog, building: str) -> None:
        """A meter's own log into whatever is missing, or held, or estimated; then predictions for it."""
        self._influx.prepare()
        span = _Span(self._oldest_ms(), self._settled_ms(building))
        said = self._said(building)
        said["malformed"] = given.malformed
        if given.is_counter:
            self._from_counter(given, building, span)
        else:
            seconds = self._within(span, Seconds(*on_seconds(given.time_ms, given.values)), said)
            for first in range(0, len(seconds.at_s), _PART_S):
                self._write(building, seconds.where(slice(first, first + _PART_S)), span)
        if said["too_old"]:
            self._leave(
                f"{building}: {said['too_old']} s are older than the {self._days_kept()} days that InfluxDB keeps"
            )
        if said["too_new"]:
            self._leave(f"{building}: {said['too_new']} s may still be on their way to InfluxDB; run it again later")
        self._predict(building, span.settled_ms)

    def say(self, what: str) -> None:
        """Tell how far it is."""
        log.info("%s", what)
        self._queue.say({"state": "running", "updated_ms": now_ms(), "at": what, **self.done})

    def ended(self, how: str, why: str = "") -> None:
        """Tell how it ended."""
        self._queue.say({"state": how, "updated_ms": now_ms(), **({"why": why} if why else {}), **self.done})

    def _buildings(self) -> list[str]:
        return sorted({meter.building for meter in self._config.meters} | set(self._streams.buildings()))

    def _settled_ms(self, building: str) -> int:
        """Up to here InfluxDB has whatever came; a late sample that just passes by is waited for."""
        settled_ms = 0
        for attempt in range(_TRIES):
            unstored_ms = oldest_unstored_ms(self._streams, self._data_dir, building)
            limit_ms = (now_ms() - SETTLING_MS) // 1000 * 1000
            settled_ms = max(settled_ms, limit_ms if unstored_ms is None else min(limit_ms, unstored_ms))
            if settled_ms == limit_ms:
                break
            if attempt < _TRIES - 1:
                time.sleep(0.5)
        return settled_ms

    def _days_kept(self) -> int:
        return self._config.history.influx_days

    def _oldest_ms(self) -> int:
        """Days before this are deleted from InfluxDB, or soon: what is missing there may well be in Parquet."""
        kept = self._days_kept()
        return (now_ms() - (kept - 1) * DAY_MS) // DAY_MS * DAY_MS if kept else 0

    def _from_window(self, building: str, settled_ms: int) -> None:
        samples = self._streams.window(building)
        at_s = np.array([sample.at_ms // 1000 for sample in samples], np.int64)
        power_w = np.array([sample.power_w for sample in samples])
        flags = np.array([int(sample.flags) for sample in samples], np.int64)
        self._write(building, Seconds(at_s, power_w, flags), _Span(self._oldest_ms(), settled_ms))

    def _from_counter(self, given: MeterLog, building: str, span: _Span) -> None:
        found = intervals(given.time_ms, given.values)
        said = self._said(building)
        said |= {"counter_resets": found.resets, "counter_step_wh": found.step_wh}
        unplaced_wh = 0.0
        for first, last in parts(found.at_s, _PART_S):
            start_ms, end_ms = int(found.at_s[first]) * 1000, int(found.at_s[last]) * 1000
            if end_ms <= span.oldest_ms or start_ms >= span.settled_ms:
                said["too_old" if end_ms <= span.oldest_ms else "too_new"] += (end_ms - start_ms) // 1000
                continue
            stored = self._stored.read(building, start_ms, end_ms)
            measured = (stored.flags & Flags.ESTIMATED) == 0
            filled = fill(found, first, last, stored.at_s[measured], stored.power_w[measured])
            unplaced_wh = max(unplaced_wh, filled.unplaced_wh)
            same = _same(filled.at_s, filled.power_w, stored.at_s[~measured], stored.power_w[~measured])
            flags = np.full(len(filled.at_s), int(Flags.LATE | Flags.ESTIMATED), np.int64)
            self._store(building, Seconds(filled.at_s, filled.power_w, flags).where(~same), span)
        if unplaced_wh > 1:
            self._leave(
                f"{building}: stored samples are up to {unplaced_wh:.0f} Wh above the counter between two readings"
            )

    def _write(self, building: str, given: Seconds, span: _Span) -> None:
        """Store samples that are better than what InfluxDB has."""
        if not len(given.at_s):
            return
        stored = self._stored.read(building, int(given.at_s[0]) * 1000, int(given.at_s[-1]) * 1000 + 1000)
        self._store(building, given.where(better(given.at_s, given.flags, stored.at_s, stored.flags)), span)

    def _store(self, building: str, given: Seconds, span: _Span) -> None:
        said = self._said(building)
        kept = self._within(span, given, said)
        for first in range(0, len(kept.at_s), _BATCH):
            part = kept.where(slice(first, first + _BATCH))
            samples = [
                Sample(building, second * 1000, watts, flags=Flags(flag))
                for second, watts, flag in zip(
                    part.at_s.tolist(), part.power_w.tolist(), part.flags.tolist(), strict=True
                )
            ]
            times_ms = [sample.at_ms for sample in samples]
            readers = (PREDICT, *READERS)
            self._changed.note(building, times_ms, readers)  # before: what is stored is not found missing again
            self._influx.write(self._config.influx.bucket_raw, "\n".join(map(sample_line, samples)))
            self._changed.note(building, times_ms, readers)  # after: a reader may have come in between
            said["stored"] += len(samples)
            self.say(f"{building}: {said['stored']} s stored")

    @staticmethod
    def _within(span: _Span, given: Seconds, said: dict[str, Any]) -> Seconds:
        too_old, too_new = given.at_s * 1000 < span.oldest_ms, given.at_s * 1000 >= span.settled_ms
        said["too_old"] += int(too_old.sum())
        said["too_new"] += int(too_new.sum())
        return given.where(~(too_old | too_new))

    def _note_unpredicted(self, building: str, settled_ms: int, days_back: int, max_gap_h: int) -> None:
        """Note the whole hours in which a second has no prediction; leave long stretches to a person."""
        end_ms = settled_ms // HOUR_MS * HOUR_MS
        start_ms = max(end_ms - min(days_back, MAX_DAYS) * DAY_MS, self._oldest_ms())
        seconds = _by_hour(self._stored.counts(building, start_ms, end_ms))
        predicted = _by_hour(self._stored.predicted(building, start_ms, end_ms))
        hours_ms = [hour_ms for hour_ms, count in seconds.items() if count > predicted.get(hour_ms, 0)]
        for from_ms, until_ms in runs(hours_ms, 24 * MAX_DAYS):
            if until_ms - from_ms > max_gap_h * HOUR_MS:
                span_h = (until_ms - from_ms) // HOUR_MS
                self._leave(
                    f"{building}: {span_h} h without predictions are more than the {max_gap_h} h done by itself"
                )
            else:
                self._changed.note(building, hours_between(from_ms, until_ms), (PREDICT,))

    def _predict(self, building: str, settled_ms: int) -> None:
        before = self._repredictor.seconds
        self._repredictor.turn(building, settled_ms)
        if self._repredictor.seconds > before:
            self._streams.forget_accuracy(building, list(self._streams.accuracy(building)))
        self.done["predicted_s"] = self._repredictor.seconds
        if self._repredictor.waits and self._repredictor.waits not in self.done["left"]:
            self._leave(self._repredictor.waits)

    def _leave(self, what: str) -> None:
        log.warning("%s", what)
        self.done["left"].append(what)

    def _said(self, building: str) -> dict[str, Any]:
        said: dict[str, Any] = self.done["buildings"].setdefault(building, {"stored": 0, "too_old": 0, "too_new": 0})
        return said


def _same(
    at_s: NDArray[np.int64], power_w: NDArray[np.float64], stored_s: NDArray[np.int64], stored_w: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which seconds are stored already with just this power; stored seconds rising."""
    if not len(stored_s):
        return np.zeros(len(at_s), bool)
    place = np.minimum(np.searchsorted(stored_s, at_s), len(stored_s) - 1)
    return np.asarray((stored_s[place] == at_s) & (np.abs(stored_w[place] - power_w) < 0.05))


def _by_hour(quarters: dict[int, int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for at_ms, count in quarters.items():
        found[at_ms - at_ms % HOUR_MS] = found.get(at_ms - at_ms % HOUR_MS, 0) + count
    return found
