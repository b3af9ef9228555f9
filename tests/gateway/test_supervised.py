"""The gateway as systemd runs it: at a socket that was opened before it, and asked whether it still answers."""

import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import urllib3

from edge.adapters.processes import free_port
from edge.adapters.streams import Streams
from edge.config_text import to_toml
from edge.settings import Config
from edge.settings_gateway import External
from gateway.alive import Alive
from gateway.server import Server
from tests.gateway.house import fill
from tests.servers import wait_until


def status(port: int, path: str) -> int:
    try:
        return urllib3.request("GET", f"http://127.0.0.1:{port}{path}", timeout=10, retries=False).status
    except urllib3.exceptions.HTTPError:
        return 0


def test_it_serves_at_the_socket_that_is_passed(config: Config, streams: Streams, tmp_path: Path) -> None:
    """And at no other but the second listener's, which is never mistaken for it."""
    fill(streams, "home", 60)
    passed, configured, external = free_port(), free_port(), free_port()
    gateway = replace(config.gateway, port=configured, external=External(host="127.0.0.1", port=external))
    file = tmp_path / "config.toml"
    file.write_text(to_toml(replace(config, gateway=gateway)))
    command = [sys.executable, "-m", "edge", "gateway", "--config", str(file)]
    process = subprocess.Popen(["systemd-socket-activate", "-l", f"127.0.0.1:{passed}", *command])
    try:
        wait_until(lambda: status(passed, "/live") == 200, 30, "the page at the passed socket")
        assert [status(passed, path) for path in ("/", "/metrics")] == [200, 200]
        assert [status(external, path) for path in ("/", "/metrics")] == [200, 404]
        assert status(configured, "/") == 0
        wait_until(lambda: "gateway" in streams.services(), 15, "its first heartbeat")
        said = streams.services()["gateway"]["status"]
        assert f"http://127.0.0.1:{passed}/" in said
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    finally:
        process.kill()
        process.wait()


def test_a_page_that_stands_still_is_noticed() -> None:
    """A listening socket takes connections though nobody serves them."""

    def app(_environ: object, start_response: object) -> list[bytes]:
        start_response("200 OK", [])  # type: ignore[operator]
        return [b"{}"]

    server = Server(("127.0.0.1", 0), app, numthreads=1)
    server.prepare()
    try:
        assert not Alive(server).answers()
        serving = threading.Thread(target=server.serve)
        serving.start()
        assert Alive(server).answers()
    finally:
        server.stop()
        serving.join()
