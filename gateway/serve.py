"""The gateway process: serve the page, beat, stop within two seconds."""

import gc
import logging
import threading
import time
from typing import Any

from flask import Flask

from edge.accuracy import Accuracy
from edge.adapters import systemd
from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.config import influx_token
from edge.errors import ConfigError, Rejected, Unavailable
from edge.settings import Config
from edge.unit import Unit, now_ms
from gateway import REDIS_TIMEOUT_S, create_app
from gateway.alive import Alive
from gateway.callers import EXTERNAL
from gateway.hub import MAX_CLIENTS, Hub
from gateway.security import MAX_BODY_BYTES
from gateway.server import Server
from gateway.tls import Tls

log = logging.getLogger("nilm.gateway")

STOP_CHECK_S = 0.1
COUNT_EVERY_S = 30.0
THREADS = MAX_CLIENTS + 24
"""An open event stream holds a thread; 24 are left for requests."""
CLIENT_TIMEOUT_S = 10


def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT. ConfigError where the port cannot be had."""
    streams = Streams.connect(config.redis.url, config.redis.outbox_h, timeout_s=REDIS_TIMEOUT_S)
    unit = Unit("gateway", streams)
    hub = Hub(streams)
    app = create_app(config, streams, Influx.connect(config.influx, influx_token(config)), hub)
    servers = [listen(app, config), *([listen_external(app, config)] if config.gateway.external.host else [])]
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)  # an hour is 40,000 short-lived objects: collecting amid it costs 40 ms
    serving = [threading.Thread(target=server.serve, name="serve", daemon=True) for server in servers]
    for thread in serving:
        thread.start()
    hub.start()
    counting = threading.Thread(target=_count, args=(config, stopped := threading.Event()), name="count", daemon=True)
    counting.start()
    alive = Alive(servers[0])
    while not unit.stopping:
        if alive.answers():
            unit.beat(f"the page is at {servers[0].url}")
        time.sleep(STOP_CHECK_S)
    stopped.set()
    hub.stop()
    for server in servers:
        server.stop()
    for thread in serving:
        thread.join(timeout=1)


def _count(config: Config, stopped: threading.Event) -> None:
    """Keep the running accuracy of what is measured, so that no request has to count."""
    streams = Streams.connect(config.redis.url, config.redis.outbox_h)
    accuracy = Accuracy(config, streams, Influx.connect(config.influx, influx_token(config)))
    while not stopped.wait(COUNT_EVERY_S):
        try:
            accuracy.turn(now_ms())
        except (Unavailable, Rejected) as error:
            log.debug("the accuracy is not counted: %s", error)
        except Exception:
            log.exception("counting the accuracy failed; it goes on")


def listen(app: Flask, config: Config) -> Server:
    """A server at the socket that systemd passes, or else at the configured port; ConfigError where that is taken."""
    settings = config.gateway
    tls = None
    if settings.tls_cert_file or settings.tls_key_file:
        tls = Tls(settings.tls_cert_file, settings.tls_key_file)
    return _listen(app, settings.host, settings.port, "gateway.port", tls)


def listen_external(app: Flask, config: Config) -> Server:
    """The second listener: the same app, which is told that the request came by it."""

    def external(environ: dict[str, Any], start_response: Any) -> Any:
        return app(environ | {EXTERNAL: True}, start_response)

    return _listen(external, config.gateway.external.host, config.gateway.external.port, "gateway.external.port")


def _listen(app: Any, host: str, port: int, setting: str, tls: Tls | None = None) -> Server:
    server = Server(
        (host, port),
        app,
        numthreads=THREADS,
        request_queue_size=128,
        timeout=CLIENT_TIMEOUT_S,
        shutdown_timeout=1,
        server_name="nilm-edge",
    )
    server.ssl_adapter = tls
    server.passed = systemd.passed_socket()  # there is one at most, and it is the first server's
    server.max_request_header_size = 32 * 1024
    server.max_request_body_size = MAX_BODY_BYTES
    try:
        server.prepare()
    except OSError as error:
        raise ConfigError(f"{setting}: cannot listen on {host} port {port}: {_why(error)}") from error
    return server


def _why(error: OSError) -> str:
    said = str(error)
    if "Address already in use" in said:
        return "another program has that port. Stop it, or choose another port"
    if "Permission denied" in said:
        return "ports below 1024 need more rights. Choose a higher port"
    return said
