"""TLS by certificate files; each handshake in a thread of its own, so that a slow one holds up nobody."""

import socket
import ssl
from typing import Any

from cheroot.makefile import MakeFile

from edge.config import secret_file
from edge.errors import ConfigError


class Tls:
    """What cheroot asks for in an adapter."""

    def __init__(self, certificate_file: str, key_file: str) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            self.context.load_cert_chain(secret_file(certificate_file), secret_file(key_file))
        except (OSError, ValueError) as error:
            raise ConfigError(f"gateway.tls_cert_file and tls_key_file cannot be used: {error}") from error

    def bind(self, listening: socket.socket) -> socket.socket:
        """The socket that is listened on stays as it is."""
        return listening

    def wrap(self, accepted: socket.socket) -> tuple[ssl.SSLSocket, dict[str, str]]:
        """A connection, before its handshake, and what its requests say of it."""
        wrapped = self.context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
        return wrapped, {"wsgi.url_scheme": "https", "HTTPS": "on"}

    def makefile(self, connection: socket.socket, mode: str = "r", bufsize: int = -1) -> Any:
        """Its reader or writer."""
        return MakeFile(connection, mode, bufsize)


def shake_hands(connection: Any) -> bool:
    """Whether a connection may be read: has none, or has had its handshake. Waits for the client up to the timeout."""
    if not isinstance(connection, ssl.SSLSocket) or connection.version() is not None:
        return True
    try:
        connection.do_handshake()
    except OSError:  # no TLS, or none that we speak
        return False
    return True
