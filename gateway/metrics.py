"""Prometheus figures, read from Redis when they are asked for."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from edge import __version__
from edge.accuracy import summary
from edge.adapters.streams import Streams
from edge.core.accuracy import SPANS_H
from edge.core.vitals import SERVICES, heartbeat_age_s, is_up
from edge.errors import Unavailable

COUNTERS = {
    "accepted": ("nilm_samples_accepted", "Samples taken into the window."),
    "duplicate": ("nilm_samples_duplicate", "Samples of a second that was there already."),
    "late": ("nilm_samples_late", "Samples older than the newest: stored, not in the window."),
    "future": ("nilm_samples_future", "Samples refused because they are ahead of the clock."),
    "malformed": ("nilm_samples_malformed", "Messages that are no sample."),
    "held": ("nilm_samples_held", "Seconds filled with the last value."),
    "predicted": ("nilm_seconds_predicted", "Seconds that got their predictions."),
    "dropped": ("nilm_outbox_dropped", "Outbox entries dropped because it was full."),
    "spool_dropped": ("nilm_spool_dropped", "Outbox entries dropped because the spool on disk was full."),
    "spool_damaged": ("nilm_spool_damaged", "Segments of the spool that were found damaged and set aside."),
    "unstored": ("nilm_writes_unstored", "Writes that InfluxDB confirmed and had not stored: sent again."),
}
"""Redis counter: its metric (which ends in _total) and what it counts."""

COUNTED = {
    *("persisted", "rejected"),
    *("settled_seconds", "sent_seconds", "sent_points", "sent_bytes", "refused_points"),
}
"""Numbers of heartbeats that only grow while their service runs; all others may fall as well."""

Metric = CounterMetricFamily | GaugeMetricFamily


class Figures(Collector):
    """What Redis knows of services and of the buildings that may be told of, at the time of collecting."""

    def __init__(self, streams: Streams, tells_of: Callable[[str], bool], open_streams: int, now_ms: int) -> None:
        self._streams = streams
        self._tells_of = tells_of
        self._open_streams = open_streams
        self._now_ms = now_ms

    def collect(self) -> Iterator[Metric]:
        """Every figure; while Redis is away only that it is."""
        info = GaugeMetricFamily("nilm_info", "Version of nilm-edge.", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        yield GaugeMetricFamily("nilm_gateway_open_streams", "Open event streams.", value=self._open_streams)
        try:
            figures = [
                *_of_buildings(self._streams, self._tells_of, self._now_ms),
                *_of_services(self._streams, self._now_ms),
            ]
        except Unavailable:
            figures = []
        yield GaugeMetricFamily("nilm_redis_up", "1 while Redis answers.", value=bool(figures))
        yield from figures


def _of_buildings(streams: Streams, tells_of: Callable[[str], bool], now_ms: int) -> Iterator[Metric]:
    counters = {name: CounterMetricFamily(*said, labels=["building"]) for name, said in COUNTERS.items()}
    gauges = {
        name: GaugeMetricFamily(f"nilm_{name}", doc, labels=["building"])
        for name, doc in (
            ("window_length_samples", "Samples in the window of the last hour."),
            ("predictions_length_seconds", "Seconds of predictions held in Redis."),
            ("outbox_length_entries", "Entries that wait to be stored in InfluxDB."),
            ("newest_sample_age_seconds", "Age of the newest sample."),
            ("oldest_sample_age_seconds", "Age of the oldest sample in the window."),
            ("newest_prediction_age_seconds", "Age of the newest prediction."),
        )
    }
    for building in filter(tells_of, streams.buildings()):
        counted = streams.counters(building)
        for name, counter in counters.items():
            counter.add_metric([building], counted.get(name, 0))
        for name, value in _lengths_and_ages(streams, building, now_ms).items():
            gauges[name].add_metric([building], value)
    yield from counters.values()
    yield from gauges.values()
    yield from _accuracy(streams, list(filter(tells_of, streams.buildings())), now_ms)


def _accuracy(streams: Streams, buildings: list[str], now_ms: int) -> Iterator[Metric]:
    """How right predictions are where an appliance has a meter of its own."""
    gauges = {
        name: GaugeMetricFamily(f"nilm_accuracy_{metric}", doc, labels=["building", "appliance", "span"])
        for name, metric, doc in (
            ("mae_w", "mae_watts", "Mean distance of the predicted from the measured power."),
            ("f1", "f1", "F1 of on and off at the appliance's threshold."),
            ("seconds", "compared_seconds", "Seconds that were predicted and measured."),
        )
    }
    for building in buildings:
        for appliance, said in summary(streams, building, now_ms)["appliances"].items():
            for span in SPANS_H:
                for name, gauge in gauges.items():
                    if said[span][name] is not None:
                        gauge.add_metric([building, appliance, span], said[span][name])
    yield from gauges.values()


def _lengths_and_ages(streams: Streams, building: str, now_ms: int) -> dict[str, float]:
    figures: dict[str, float] = {
        "window_length_samples": streams.length(building, "window"),
        "predictions_length_seconds": streams.length(building, "predictions"),
        "outbox_length_entries": streams.length(building, "outbox"),
    }
    times_ms = {
        "newest_sample_age_seconds": streams.newest_ms(building, "window"),
        "oldest_sample_age_seconds": streams.oldest_ms(building, "window"),
        "newest_prediction_age_seconds": streams.newest_ms(building, "predictions"),
    }
    return figures | {name: (now_ms - at_ms) / 1000 for name, at_ms in times_ms.items() if at_ms is not None}


def _of_services(streams: Streams, now_ms: int) -> Iterator[Metric]:
    services = streams.services()
    up = GaugeMetricFamily("nilm_service_up", "1 while the service's heartbeat is recent.", labels=["service"])
    age = GaugeMetricFamily("nilm_service_heartbeat_age_seconds", "Since the last heartbeat.", labels=["service"])
    others: dict[str, Metric] = {}
    for service in sorted({*services, *SERVICES}):
        state = services.get(service, {})
        up.add_metric([service], is_up(state, now_ms))
        if (age_s := heartbeat_age_s(state, now_ms)) is not None:
            age.add_metric([service], age_s)
        for name, value in _numbers(state):
            kind = CounterMetricFamily if name.removeprefix("nilm_service_") in COUNTED else GaugeMetricFamily
            family = kind(name, "As the service says in its heartbeat.", labels=["service"])
            others.setdefault(name, family).add_metric([service], value)
    yield from (up, age, *others.values())


def _numbers(state: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """A heartbeat's plain numbers under metric names, in base units."""
    for field, value in state.items():
        if field in {"pid", "beat_ms"} or not isinstance(value, int | float):
            continue
        name = re.sub(r"[^a-zA-Z0-9_]", "_", f"nilm_service_{field}")
        if name == "nilm_service_started_ms":
            yield "nilm_service_start_time_seconds", value / 1000
        elif field.startswith("hours_"):
            yield f"nilm_service_{field.removeprefix('hours_')}_seconds", value * 3600
        elif name.endswith("_ms"):
            yield name.removesuffix("_ms") + "_seconds", value / 1000
        else:
            yield re.sub("_s$", "_seconds", name), value


def as_text(streams: Streams, now_ms: int) -> str:
    """Every figure as Prometheus reads it, for who may see all."""
    registry = CollectorRegistry()
    registry.register(Figures(streams, lambda _building: True, open_streams=0, now_ms=now_ms))
    return generate_latest(registry).decode()
