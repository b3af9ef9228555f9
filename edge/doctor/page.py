"""Checks of the page: whether it answers, to whom, and whether somebody can log in."""

import ipaddress
import json
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

from edge.adapters.accounts import Accounts
from edge.doctor.finding import Finding, Look, fault, ok, warning
from edge.doctor.servers import TIMEOUT_S
from edge.errors import Unavailable

_SOON_DAYS = 14
_LISTENS = "0A"
_Found = Iterator[Finding]


def page(look: Look) -> _Found:
    """Whether the page answers where it is configured to."""
    gateway = look.config.gateway
    scheme = "https" if gateway.tls_cert_file else "http"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(gateway.host, gateway.host)  # noqa: S104
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{gateway.port}/live"
    means = "Nobody sees the page; what is measured is stored all the same."
    do = "Look at nilm-gateway: systemctl status nilm-gateway, or log/gateway.log in the folder of nilm-edge run."
    try:
        context = _trusting(gateway.tls_cert_file) if scheme == "https" else None
        with urllib.request.urlopen(url, timeout=TIMEOUT_S, context=context) as answer:  # noqa: S310 - http or https
            live = json.loads(answer.read(10_000))["live"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        yield fault("page", f"{url} does not answer: {error}", means, do)
        return
    yield ok("page", f"answers at {url.removesuffix('live')}") if live else fault("page", "not live", means, do)
    if scheme == "https":
        yield _certificate(host, gateway.port, gateway.tls_cert_file)


def _trusting(cert_file: str) -> ssl.SSLContext:
    """Trusts this very certificate, by whatever name it is called."""
    context = ssl.create_default_context(cafile=cert_file)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _certificate(host: str, port: int, cert_file: str) -> Finding:
    with socket.create_connection((host, port), TIMEOUT_S) as line, _trusting(cert_file).wrap_socket(line) as wrapped:
        ends = str((wrapped.getpeercert() or {}).get("notAfter", ""))
    days = (parsedate_to_datetime(_mail_date(ends)) - datetime.now(UTC)).days
    if days < _SOON_DAYS:
        means = "Browsers refuse the page once it has ended."
        return warning("page", f"its certificate ends in {days} days", means, "Renew it, then restart nilm-gateway.")
    return ok("page", f"its certificate is good for {days} days")


def _mail_date(text: str) -> str:
    """`Jun  1 12:00:00 2027 GMT`, as certificates say it, as mails do."""
    month, day, clock, year, _ = text.split()
    return f"{day} {month} {year} {clock} +0000"


def exposure(look: Look) -> _Found:
    """Whether the page and the databases listen no wider than they should."""
    listening = listeners(look.root / "proc/net")
    gateway = look.config.gateway
    wider = []
    for setting, host, port in (
        ("gateway.host", gateway.host, gateway.port),
        ("gateway.external.host", gateway.external.host, gateway.external.port),
    ):
        if host and not _is_any(host) and any(_is_any(one) for one in listening.get(port, set())):
            wider.append(f"port {port} is open on every address, and {setting} is {host}")
    if wider:
        means = "The page can be reached from networks that you did not choose."
        do = "Look at nilm-gateway.socket (ListenStream=), and at other programs on that port: sudo ss -ltnp"
        yield fault("exposure", "; ".join(wider), means, do)
    open_databases = []
    for name, url, usual in (("Redis", look.config.redis.url, 6379), ("InfluxDB", look.config.influx.url, 8086)):
        port = urlsplit(url).port or usual
        here = _is_loopback(urlsplit(url).hostname or "")
        if here and any(_is_any(one) for one in listening.get(port, set())):
            open_databases.append(f"{name} (port {port})")
    if open_databases:
        means = "Whoever is in your network may read and change what is stored, unless a password keeps them out."
        do = "Let them listen on 127.0.0.1 alone: bind in redis.conf, bind-address of [http] in influxdb.conf."
        yield warning("exposure", f"open on every address: {', '.join(open_databases)}", means, do)
    if not wider and not open_databases:
        yield ok("exposure", f"the page listens on {gateway.host}, the databases are not open to the network")


def accounts(look: Look) -> _Found:
    """Whether somebody can log in, where the page is for more than this machine."""
    gateway = look.config.gateway
    if gateway.auth == "jwt":
        yield ok("accounts", "callers bring another system's tokens")
        return
    reached = not _is_loopback(gateway.host) or bool(gateway.external.host or gateway.trusted_proxies)
    try:
        count = len(Accounts(Path(look.config.data_dir)).everyone())
    except Unavailable as error:
        yield fault("accounts", str(error), "Nobody can log in.", "Run this as root; or restore accounts.db.")
        return
    if reached and not count:
        means = "The page can be reached from elsewhere, and nobody there can log in."
        yield warning("accounts", "there is none", means, "sudo nilm-edge user add NAME")
    else:
        yield ok("accounts", f"{count}" if count else "none: who sits at this machine may look")


def listeners(net: Path) -> dict[int, set[str]]:
    """The addresses that each TCP port is listened to on, as the kernel says."""
    found: dict[int, set[str]] = {}
    for file in (net / "tcp", net / "tcp6"):
        try:
            rows = [line.split() for line in file.read_text().splitlines()[1:]]
        except OSError:
            continue
        for row in rows:
            if row[3] == _LISTENS:
                address, _, port = row[1].partition(":")
                found.setdefault(int(port, 16), set()).add(_address(address))
    return found


def _address(packed: str) -> str:
    """An address as /proc has it: 32-bit words, each in the order of a little-endian machine."""
    words = [bytes.fromhex(packed[n : n + 8])[::-1] for n in range(0, len(packed), 8)]
    return str(ipaddress.ip_address(b"".join(words)))


def _is_any(host: str) -> bool:
    return host in {"0.0.0.0", "::", ""}  # noqa: S104 - what it is compared with


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")
