"""A proxy in a booted machine's network, by which it reaches what this host reaches: HTTPS_PROXY for pip."""

import ctypes
import os
import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def way_out(network: Path) -> Iterator[str]:
    """The proxy's address in a network namespace, as long as the block lasts."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Connect, bind_and_activate=False)
    server.daemon_threads = True
    server.socket.close()
    server.socket = _listening_in(network)
    thread = threading.Thread(target=server.serve_forever, args=(0.2,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _listening_in(network: Path) -> socket.socket:
    """A socket belongs to the network that its thread was in when it was made."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(namespace: int) -> None:
        if libc.setns(namespace, 0):
            raise OSError(ctypes.get_errno(), "setns")

    with Path("/proc/thread-self/ns/net").open("rb") as ours, network.open("rb") as theirs:
        enter(theirs.fileno())
        try:
            return socket.create_server(("127.0.0.1", 0))
        finally:
            enter(ours.fileno())


class _Connect(socketserver.StreamRequestHandler):
    """CONNECT host:port, then what either side sends."""

    def handle(self) -> None:
        method, target, _ = self.rfile.readline().decode().split()
        while self.rfile.readline().strip():
            pass
        assert method == "CONNECT"
        host, _, port = target.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=30) as beyond:
            self.connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            other = {self.connection: beyond, beyond: self.connection}
            while ready := select.select(list(other), [], [], 300)[0]:
                for side in ready:
                    if not (said := os.read(side.fileno(), 1 << 16)):
                        return
                    other[side].sendall(said)
