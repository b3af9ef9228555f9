"""The web page and API: create_app puts them together, gateway.serve runs them."""

from flask import Flask

from edge.adapters.influx import Influx
from edge.adapters.redis_guard import RedisGuard
from edge.adapters.streams import Streams
from edge.settings import Config
from edge.window_models import WindowModels
from gateway import (
    access,
    admin,
    analytics,
    asks,
    assets,
    cycles,
    e2e,
    energy,
    export,
    gaps,
    health,
    hosts,
    infer,
    limits,
    live,
    models,
    openapi,
    problems,
    proxies,
    replies,
    request_ids,
    security,
    sign_in,
    system,
)
from gateway.box import count_answers
from gateway.callers import make_callers
from gateway.hub import Hub
from gateway.minutes import Minutes
from gateway.parts import Parts, install
from gateway.recent import Recent

REDIS_TIMEOUT_S = 0.7
"""Longer than the hub waits for news, short enough for /ready."""


def create_app(
    config: Config, streams: Streams, influx: Influx, hub: Hub | None = None, minutes: Minutes | None = None
) -> Flask:
    """The WSGI application; without `hub` it has one of its own, already running."""
    if hub is None:
        hub = Hub(streams, config.gateway.streams, config.gateway.streams_each)
        hub.start()
    settings = config.gateway
    guard = RedisGuard(config.redis.url, REDIS_TIMEOUT_S)
    counts = limits.Counts(guard)
    energy.tariff_of(config)  # a tariff that cannot be read is said now
    app = Flask("gateway", static_folder=None)
    callers, recent = make_callers(config, guard), Recent(streams)
    minutes = minutes or Minutes(config, influx)
    install(
        app,
        Parts(config, streams, influx, hub, callers, guard, WindowModels(config), recent, minutes, count_answers(app)),
    )
    for group in (
        health,
        system,
        models,
        analytics,
        energy,
        cycles,
        export,
        gaps,
        infer,
        live,
        sign_in,
        admin,
        openapi,
        assets,
    ):
        app.register_blueprint(group.pages)
    if settings.e2e_probes:
        e2e.install(app, config)
    # each request passes these in this order
    proxies.install(app, settings.trusted_proxies)
    request_ids.install(app)
    hosts.install(app, settings.hosts)
    limits.by_address(app, counts, settings.address_per_min)
    access.enforce(app, settings.cors_origins)
    asks.enforce(app)
    limits.by_user(app, counts, settings.user_per_min)
    problems.install(app)
    replies.install(app)
    security.install(app, settings.cors_origins)
    return app
