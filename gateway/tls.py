"""TLS by certificate files; a handshake goes on as its client speaks, so that a slow one holds up nobody."""

import socket
import ssl

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

    makefile = None
    """What reads and writes is the connection's own (`gateway.wire`)."""
