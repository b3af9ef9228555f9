"""The gateway process: serve the page, beat, stop within two seconds."""

import gc
import logging
import resource
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask import Flask

from edge.accuracy import Accuracy
from edge.adapters import systemd
from edge.adapters.influx import Influx
from edge.adapters.memory import settle
from edge.adapters.streams import Streams
from edge.config import influx_token
from edge.errors import ConfigError, Rejected, Unavailable
from edge.new_accounts import take
from edge.settings import Config
from edge.unit import Unit, now_ms
from gateway import REDIS_TIMEOUT_S, create_app
from gateway.alive import Alive
from gateway.callers import EXTERNAL
from gateway.hub import Hub
from gateway.minutes import Minutes
from gateway.security import MAX_BODY_BYTES
from gateway.server import Server
from gateway.tls import Tls
from gateway.wire import MAX_HEAD_BYTES, STUCK_S

log = logging.getLogger("nilm.gateway")

STOP_CHECK_S = 0.1
COUNT_EVERY_S = 30.0
WARM_EVERY_S = 10.0
THREADS = 24
"""Of requests; a client that is slow, or an open event stream, holds none."""
_LARGE_BYTES = 16 << 20
"""Larger than any answer: mapping each one anew costs more than making it."""
_SWITCH_S = 0.001
"""A thread that makes a long answer gives way to the event streams after so long."""
MOST_FILES = 4096
"""Connections and all else; systemd and most shells give 1024 unless they are asked for more."""


def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT. ConfigError where the port cannot be had."""
    streams = Streams.connect(config.redis.url, config.redis.outbox_h, timeout_s=REDIS_TIMEOUT_S)
    unit = Unit("gateway", streams)
    hub = Hub(streams, config.gateway.streams, config.gateway.streams_each)
    _allow_files()
    settle(_LARGE_BYTES)
    influx = Influx.connect(config.influx, influx_token(config))
    _take_accounts(config)
    app = create_app(config, streams, influx, hub, minutes := Minutes(config, influx))
    servers = [listen(app, config), *([listen_external(app, config)] if config.gateway.external.host else [])]
    sys.setswitchinterval(_SWITCH_S)
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)  # an hour is 40,000 short-lived objects: collecting amid it costs 40 ms
    serving = [threading.Thread(target=server.serve, name="serve", daemon=True) for server in servers]
    for thread in serving:
        thread.start()
    hub.start()
    counting = threading.Thread(target=_count, args=(config, stopped := threading.Event()), name="count", daemon=True)
    counting.start()
    threading.Thread(target=_warm, args=(minutes, streams, stopped), name="warm", daemon=True).start()
    alive = Alive(servers[0])
    while not unit.stopping:
        if alive.answers():
            unit.beat(f"the page is at {servers[0].url}", url=servers[0].url)
        time.sleep(STOP_CHECK_S)
    stopped.set()
    hub.stop()
    for server in servers:
        server.stop()
    for thread in serving:
        thread.join(timeout=1)


def _allow_files() -> None:
    """As many as may be had without asking anyone; systemd's unit has enough, and forbids to ask."""
    with suppress(OSError, ValueError):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < MOST_FILES:
            most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _take_accounts(config: Config) -> None:
    """Accounts that provisioning left; one that cannot be made is tried again at the next start."""
    try:
        for name in take(Path(config.data_dir)):
            log.info("the admin account %s was provisioned", name)
    except Unavailable as error:
        log.warning("%s", error)


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


def _warm(minutes: Minutes, streams: Streams, stopped: threading.Event) -> None:
    """Keep the minutes of the last day at hand, so that no first request has to wait for InfluxDB."""
    while not stopped.wait(WARM_EVERY_S):
        try:
            minutes.warm(streams.buildings(), stopped)
        except (Unavailable, Rejected) as error:
            log.debug("the last day is not at hand: %s", error)


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
        timeout=STUCK_S,
        shutdown_timeout=1,
        server_name="nilm-edge",
    )
    server.ssl_adapter = tls
    server.passed = systemd.passed_socket()  # there is one at most, and it is the first server's
    server.max_request_header_size = MAX_HEAD_BYTES
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
