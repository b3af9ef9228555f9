"""What the views work with: the configuration, Redis, InfluxDB, the event streams' hub and the callers."""

from dataclasses import dataclass, field

from flask import Flask, current_app
from prometheus_client import CollectorRegistry

from edge.adapters.influx import Influx
from edge.adapters.redis_guard import RedisGuard
from edge.adapters.streams import Streams
from edge.settings import Config
from edge.window_models import WindowModels
from gateway.callers import Callers
from gateway.hub import Hub
from gateway.minutes import Minutes
from gateway.recent import Recent
from gateway.seen import Seen

_NAME = "nilm"


@dataclass(frozen=True, slots=True)
class Parts:
    """Handed to create_app, found again by the views."""

    config: Config
    streams: Streams
    influx: Influx
    hub: Hub
    callers: Callers
    guard: RedisGuard
    models: WindowModels
    recent: Recent
    minutes: Minutes
    answers: CollectorRegistry
    """How the app answers, for /metrics."""
    seen: Seen = field(default_factory=Seen)

    def buildings(self) -> list[str]:
        """The buildings that have a meter or ever had a sample, sorted."""
        return sorted({meter.building for meter in self.config.meters} | set(self.streams.buildings()))


def install(app: Flask, parts: Parts) -> None:
    """Give `parts` to the views of `app`."""
    app.extensions[_NAME] = parts


def parts() -> Parts:
    """The parts of the app that answers this request."""
    found: Parts = current_app.extensions[_NAME]
    return found
