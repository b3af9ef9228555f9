"""The gateway process: serve the page, beat, stop within two seconds."""

import gc
import logging
import threading
import time

from flask import Flask

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.config import influx_token
from edge.errors import ConfigError
from edge.settings import Config
from edge.unit import Unit
from gateway import create_app
from gateway.hub import MAX_CLIENTS, Hub
from gateway.security import MAX_BODY_BYTES
from gateway.server import Server

log = logging.getLogger("nilm.gateway")

STOP_CHECK_S = 0.1
THREADS = MAX_CLIENTS + 24
"""An open event stream holds a thread; 24 are left for requests."""
CLIENT_TIMEOUT_S = 10
REDIS_TIMEOUT_S = 0.7
"""Longer than the hub waits for news, short enough for /ready."""


def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT. ConfigError where the port cannot be had."""
    streams = Streams.connect(config.redis.url, config.redis.outbox_h, timeout_s=REDIS_TIMEOUT_S)
    unit = Unit("gateway", streams)
    hub = Hub(streams)
    app = create_app(config, streams, Influx.connect(config.influx, influx_token(config)), hub)
    server = listen(app, config)
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)  # an hour is 40,000 short-lived objects: collecting amid it costs 40 ms
    serving = threading.Thread(target=server.serve, name="serve", daemon=True)
    serving.start()
    hub.start()
    while not unit.stopping:
        unit.beat(f"the page is at http://{config.gateway.host}:{config.gateway.port}/")
        time.sleep(STOP_CHECK_S)
    hub.stop()
    server.stop()
    serving.join(timeout=1)


def listen(app: Flask, config: Config) -> Server:
    """A server that holds the configured port; ConfigError where it is taken or not ours."""
    host, port = config.gateway.host, config.gateway.port
    server = Server(
        (host, port),
        app,
        numthreads=THREADS,
        request_queue_size=128,
        timeout=CLIENT_TIMEOUT_S,
        shutdown_timeout=1,
        server_name="nilm-edge",
    )
    server.max_request_header_size = 32 * 1024
    server.max_request_body_size = MAX_BODY_BYTES + 1024  # the app refuses first, and says so
    try:
        server.prepare()
    except OSError as error:
        raise ConfigError(f"gateway.port: cannot listen on {host} port {port}: {_why(error)}") from error
    return server


def _why(error: OSError) -> str:
    said = str(error)
    if "Address already in use" in said:
        return "another program has that port. Stop it, or choose another port"
    if "Permission denied" in said:
        return "ports below 1024 need more rights. Choose a higher port"
    return said
