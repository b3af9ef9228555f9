"""https by certificate files, among clients that say nothing or no TLS."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edge.adapters.influx import Influx
from edge.adapters.processes import free_port
from edge.adapters.streams import Streams
from edge.errors import ConfigError
from edge.settings import Config
from gateway import create_app
from gateway.hub import Hub
from gateway.serve import listen


def make_certificate(folder: Path) -> tuple[str, str]:
    """A certificate of 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = built.add_extension(addresses, False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    kind = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(pem, kind, serialization.NoEncryption()))
    return str(folder / "cert.pem"), str(folder / "key.pem")


@pytest.fixture
def secured(config: Config, tmp_path: Path, streams: Streams, influx: Influx) -> Iterator[Config]:
    certificate, key = make_certificate(tmp_path)
    settings = replace(config.gateway, port=free_port(), tls_cert_file=certificate, tls_key_file=key)
    config = replace(config, gateway=settings)
    server = listen(create_app(config, streams, influx, Hub(streams)), config)
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield config
    server.stop()
    thread.join()


def test_https_among_silent_and_plain_clients(secured: Config) -> None:
    port = secured.gateway.port
    with contextlib.ExitStack() as stack:
        for began in (b"", b"\x16\x03\x01", b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n") * 4:
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            client.sendall(began)
        trusting = ssl.create_default_context(cafile=secured.gateway.tls_cert_file)
        with urllib3.PoolManager(ssl_context=trusting, retries=False, timeout=5) as https:
            for _ in range(3):  # over one connection
                answer = https.request("GET", f"https://127.0.0.1:{port}/live")
                assert answer.status == 200
            wrong = https.request("POST", f"https://127.0.0.1:{port}/api/login", json={"name": "a", "password": "b"})
            assert wrong.status == 401


def test_old_tls_is_refused(secured: Config) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", secured.gateway.port), timeout=5) as client:
        with pytest.raises((ssl.SSLError, OSError)):
            old.wrap_socket(client)


def test_a_certificate_that_cannot_be_used_is_named(config: Config, tmp_path: Path) -> None:
    file = tmp_path / "cert.pem"
    file.write_text("no certificate")
    streams = Streams.connect("redis://127.0.0.1:1/0")
    app = create_app(config, streams, Influx.connect(config.influx), Hub(streams))
    for certificate, key in ((str(file), str(file)), (str(file), ""), ("/nowhere", "/nowhere")):
        settings = replace(config.gateway, port=free_port(), tls_cert_file=certificate, tls_key_file=key)
        with pytest.raises(ConfigError, match=r"gateway\.tls_cert_file"):
            listen(app, replace(config, gateway=settings))
