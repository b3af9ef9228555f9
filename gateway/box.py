"""Prometheus figures of the box itself: its disk, its clock, InfluxDB, the models that serve, and how it answers."""

import time
from collections.abc import Iterator
from pathlib import Path

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from edge.adapters.clock import is_synchronised
from edge.adapters.files import free_bytes
from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.errors import Unavailable
from edge.settings import Config

_PING_S = 0.5
_BUCKETS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.5, 1.0, 5.0)


class Box(Collector):
    """What holds at the time of collecting; takes no longer than InfluxDB may take to answer a ping."""

    def __init__(self, config: Config, streams: Streams, influx: Influx) -> None:
        self._config, self._streams, self._influx = config, streams, influx

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every figure that can be had."""
        yield GaugeMetricFamily("nilm_influxdb_up", "1 while InfluxDB answers.", value=self._influx_answers())
        yield GaugeMetricFamily("nilm_clock_synchronized", "1 while NTP keeps the clock.", value=is_synchronised())
        reserve_bytes = self._config.disk_reserve_mb * 1_000_000
        yield GaugeMetricFamily(
            "nilm_data_disk_reserve_bytes", "Free bytes below which InfluxDB is given nothing.", value=reserve_bytes
        )
        try:
            free = free_bytes(Path(self._config.data_dir))
        except Unavailable:
            free = 0
        yield GaugeMetricFamily("nilm_data_disk_free_bytes", "Free bytes on the disk of data_dir.", value=free)
        serving = GaugeMetricFamily("nilm_model_serving", "1 while this model serves.", labels=["model", "version"])
        try:
            for model in self._streams.services().get("infer", {}).get("models", []):
                serving.add_metric([str(model["id"]), str(model["version"])], model["state"] == "ok")
        except Unavailable:
            return
        yield serving

    def _influx_answers(self) -> bool:
        try:
            self._influx.ping(timeout_s=_PING_S)
        except Unavailable:
            return False
        return True


def count_answers(app: Flask) -> CollectorRegistry:
    """Count the answers of `app` by route and status, and how long they took to be made."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    took = Histogram(
        "nilm_gateway_request_duration_seconds",
        "Until an answer was made.",
        ["endpoint", "status"],
        buckets=_BUCKETS_S,
        registry=registry,
    )

    @app.before_request
    def _begin() -> None:
        g.began_s = time.monotonic()

    @app.after_request
    def _count(response: Response) -> Response:
        if "began_s" in g:
            status = f"{response.status_code // 100}xx"
            took.labels(request.endpoint or "none", status).observe(time.monotonic() - g.began_s)
        return response

    return registry
