"""The gateway process: serve the page, beat, stop within two seconds."""

import gc
import logging
import os
import signal
import socket
import threading
import time
from contextlib import suppress

from cheroot.server import HTTPConnection
from cheroot.wsgi import Server as WsgiServer
from flask import Flask

from edge import __version__
from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.config import influx_token
from edge.errors import ConfigError, Unavailable
from edge.settings import Config
from gateway import create_app
from gateway.hub import MAX_CLIENTS, Hub

log = logging.getLogger("nilm.gateway")

BEAT_S = 2.0
THREADS = MAX_CLIENTS + 24
"""An open event stream holds a thread; 24 are left for requests."""
CLIENT_TIMEOUT_S = 10
REDIS_TIMEOUT_S = 0.7
"""Longer than the hub waits for news, short enough for /ready."""
_STOP = {signal.SIGTERM, signal.SIGINT}


class Server(WsgiServer):
    """cheroot, where a client that connects and says nothing holds no thread."""

    error_log = staticmethod(lambda msg="", level=20, traceback=False: log.log(level, msg, exc_info=traceback))

    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: tuple[str, int]) -> socket.socket:
        """Bind, or close: cheroot would leave it open."""
        try:
            socket_.bind(bind_addr)
        except OSError:
            socket_.close()
            raise
        return socket_

    def process_conn(self, conn: HTTPConnection) -> None:
        """Hand a connection to the threads once there is something to read."""
        if getattr(conn, "nilm_waited", False):
            super().process_conn(conn)
        else:
            conn.nilm_waited = True  # type: ignore[attr-defined]
            self._connections.put(conn)  # type: ignore[attr-defined]


def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT. ConfigError where the port cannot be had."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
    streams = Streams.connect(config.redis.url, config.redis.outbox_h, timeout_s=REDIS_TIMEOUT_S)
    hub = Hub(streams)
    app = create_app(config, streams, Influx.connect(config.influx, influx_token(config)), hub)
    server = listen(app, config)
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)  # an hour is 40,000 short-lived objects: collecting amid it costs 40 ms
    serving = threading.Thread(target=server.serve, name="serve", daemon=True)
    serving.start()
    hub.start()
    log.info("the page is at http://%s:%d/", config.gateway.host, config.gateway.port)
    started_ms = _now_ms()
    _beat(streams, started_ms)
    while signal.sigtimedwait(_STOP, BEAT_S) is None:
        _beat(streams, started_ms)
    hub.stop()
    server.stop()
    serving.join(timeout=1)
    log.info("stopped")


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
    server.max_request_body_size = 256 * 1024
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


def _beat(streams: Streams, started_ms: int) -> None:
    """Leave a heartbeat; while Redis is away there is nobody to leave it with."""
    state = {"pid": os.getpid(), "started_ms": started_ms, "beat_ms": _now_ms(), "version": __version__}
    with suppress(Unavailable):
        streams.beat("gateway", state)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
