"""The clients of `bench gateway`, in processes of their own: python -m edge.bench.clients '{"do": "ask", …}'."""

import selectors
import socket
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import orjson

_BUFFER = bytearray(1 << 20)
_TIMEOUT_S = 30.0


class Client:
    """One kept connection to the gateway, that reads as fast as Python can."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._buffer = bytearray(1 << 20)

    def get(self, path: str) -> tuple[int, int]:
        """Status and bytes of the answer's body."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=_TIMEOUT_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            return self._read(self._socket)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the connection."""
        if self._socket:
            self._socket.close()
        self._socket = None

    def _read(self, connection: socket.socket) -> tuple[int, int]:
        head = b""
        while b"\r\n\r\n" not in head:
            read = connection.recv(65536)
            if not read:
                raise ConnectionError("the gateway closed the connection")
            head += read
        head, _, body = head.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        lengths = [int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")]
        length, read_bytes = lengths[0], len(body)
        while read_bytes < length:
            more = connection.recv_into(self._buffer)
            if not more:
                raise ConnectionError("the gateway closed the connection in mid-answer")
            read_bytes += more
        return int(lines[0].split()[1]), length


def ask(port: int, path: str, seconds: float) -> dict[str, Any]:
    """Ask for one thing again and again, once at least: how long each took, in ms."""
    client, took_ms, wrong, size = Client(port), list[float](), 0, 0
    end_s = time.monotonic() + seconds
    while not took_ms or time.monotonic() < end_s:
        began_s = time.monotonic()
        try:
            status, size = client.get(path)
        except OSError:
            status = 0
        took_ms.append((time.monotonic() - began_s) * 1000)
        wrong += status != 200
    client.close()
    return {"took_ms": took_ms, "errors": wrong, "bytes": size}


def load(port: int, paths: Sequence[str], per_s: float, seconds: float, threads: int = 8) -> dict[str, Any]:
    """Ask `per_s` times a second, whether the answers come or not; each counts from when it was due."""
    took_ms: list[float] = []
    errors: list[str] = []
    begin_s = time.monotonic() + 0.5
    wanted = int(per_s * seconds)
    numbers = iter(range(wanted))
    lock = threading.Lock()

    def work() -> None:
        client = Client(port)
        while True:
            with lock:
                n = next(numbers, None)
            if n is None:
                client.close()
                return
            due_s = begin_s + n / per_s
            time.sleep(max(0.0, due_s - time.monotonic()))
            path = paths[n % len(paths)]
            try:
                status, _ = client.get(path)
                if status != 200:
                    errors.append(f"{path}: {status}")
            except OSError as error:
                errors.append(f"{path}: {error}")
            took_ms.append((time.monotonic() - due_s) * 1000)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"took_ms": took_ms, "errors": len(errors), "examples": errors[:5], "wanted": wanted}


def listen(port: int, path: str, count: int, seconds: float) -> dict[str, Any]:
    """Hold `count` event streams open: when each second came to the last of them, and what was missing or twice."""
    selector, errors, texts = selectors.DefaultSelector(), [], {}
    newest: dict[int, int] = {}
    last_s: dict[int, float] = {}
    heard = 0
    for n in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ, n)
        texts[n] = b""
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        for key, _ in selector.select(timeout=0.2):
            number = key.data
            read = key.fileobj.recv_into(_BUFFER)  # type: ignore[union-attr]
            if not read:
                errors.append(f"stream {number} ended")
                selector.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]
                continue
            now_s = time.monotonic()
            texts[number] += _BUFFER[:read]
            if not texts[number].startswith(b"HTTP/1.1 200"):
                errors.append(f"stream {number}: {texts[number][:60]!r}")
            *whole, rest = texts[number].split(b"\n\n")
            texts[number] = b"HTTP/1.1 200" + rest[-65536:]
            for event in whole:
                at = event.find(b"id: ")
                if at < 0:
                    continue
                at_s = int(event[at + 4 : event.index(b"\n", at)]) // 1000
                if number in newest and at_s != newest[number] + 1:
                    errors.append(f"stream {number}: {at_s} after {newest[number]}")
                newest[number] = at_s
                last_s[at_s] = now_s
                heard += 1
    for key in list(selector.get_map().values()):
        key.fileobj.close()  # type: ignore[union-attr]
    selector.close()
    silent = count - len(newest)
    if silent:
        errors.append(f"{silent} streams heard nothing")
    return {
        "errors": len(errors),
        "examples": errors[:5],
        "heard": heard,
        "last_s": {str(k): v for k, v in last_s.items()},
    }


def main() -> None:
    """Do what the argument says and print the figures as JSON."""
    said = orjson.loads(sys.argv[1])
    do = {"ask": ask, "load": load, "listen": listen}[said.pop("do")]
    sys.stdout.write(orjson.dumps(do(**said)).decode())  # type: ignore[operator]


if __name__ == "__main__":
    main()
