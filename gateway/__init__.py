"""The web page and API: create_app puts them together, gateway.serve runs them."""

from flask import Flask

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.settings import Config
from gateway import (
    access,
    analytics,
    assets,
    export,
    gaps,
    health,
    hosts,
    live,
    models,
    problems,
    proxies,
    replies,
    request_ids,
    security,
)
from gateway.hub import Hub
from gateway.parts import Parts, install


def create_app(config: Config, streams: Streams, influx: Influx, hub: Hub | None = None) -> Flask:
    """The WSGI application; without `hub` it has one of its own, already running."""
    if hub is None:
        hub = Hub(streams)
        hub.start()
    app = Flask("gateway", static_folder=None)
    install(app, Parts(config, streams, influx, hub))
    proxies.install(app, config.gateway.trusted_proxies)
    request_ids.install(app)
    hosts.install(app, config.gateway.hosts)
    for pages in (health.pages, models.pages, analytics.pages, export.pages, gaps.pages, live.pages, assets.pages):
        app.register_blueprint(pages)
    access.enforce(app)
    problems.install(app)
    replies.install(app)
    security.install(app, config.gateway.cors_origins)
    return app
