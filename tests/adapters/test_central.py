"""What a central server may be, on real ones: what it is, what it is told, what its answers mean for us."""

import json
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.adapters.central import Busy, Central, NotLetIn, Secrets, TooLarge
from edge.adapters.influx import Influx
from edge.adapters.processes import free_port
from edge.core.central_queries import claim_line
from edge.core.sync import Claim, Total
from edge.errors import ConfigError, Rejected, Unavailable
from edge.settings import Central as Settings
from edge.settings import Influx as InfluxSettings
from tests.faulty import Faulty
from tests.servers import Servers, victoria_metrics, wait_for_answer, wait_until

START_MS = (int(time.time()) - 7200) * 1000
LINES = [
    f"{series} {START_MS + n * 1000}"
    for n in range(3)
    for series in (
        "mains,building=home power_w=1.5,flags=0i",
        'appliance,appliance=Heat\\ pump\\,\\ x,building=home power_w=2.25,p_on=0.5,on=true,model="m"',
    )
]
OVEN = ("appliance", "Heat pump, x", "power_w")


@pytest.fixture(scope="module")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    server = victoria_metrics(tmp_path_factory.mktemp("victoria"), port, "-dedup.minScrapeInterval=1ms")
    server.start()
    url = f"http://127.0.0.1:{port}"
    wait_for_answer(Influx.connect(InfluxSettings(url=url)).ping)
    yield url
    server.terminate()
    server.wait_or_kill(10)


def _central(url: str, secrets: Secrets | None = None, **settings: str | float) -> Central:
    chosen: dict[str, object] = {"url": url, "bucket": "central", **settings}
    return Central(Settings(**chosen), secrets or Secrets())  # type: ignore[arg-type]


def test_influxdb_1_gets_its_database_and_says_what_it_holds(servers: Servers) -> None:
    servers.start()
    central = _central(servers.config.influx.url, bucket='a "new" one')
    assert central.totals("home", START_MS, START_MS + 1) == {}
    assert central.write(LINES) > 0
    found = central.totals("home", START_MS + 1000, START_MS + 3000)
    assert found == {
        ("mains", "", "power_w"): Total(2, 3.0),
        OVEN: Total(2, 4.5),
        ("appliance", "Heat pump, x", "p_on"): Total(2, 1.0),
    }
    assert central.replaces
    assert not central.cannot_ask


def test_victoria_metrics_is_known_and_says_what_it_holds(victoria: str) -> None:
    central = _central(victoria)
    me = Claim("abc", "pi", 12.5, 34.25, START_MS)
    central.write([*LINES, *LINES, claim_line("home", me)])
    assert not central.replaces
    time.sleep(1.5)  # a question that finds nothing is remembered for ten seconds there
    wait_until(lambda: central.claims("home", START_MS - 1000, START_MS + 1000) == [me], 20)
    wait_until(lambda: (central.totals("home", START_MS + 1000, START_MS + 3000) or {}).get(OVEN) == Total(2, 4.5), 20)
    assert central.totals("home", START_MS + 3000, START_MS + 9000) == {}
    export = f"{victoria}/api/v1/export?match[]=mains_power_w&start={START_MS // 1000 - 1}"
    (line,) = urllib.request.urlopen(export, timeout=5).read().splitlines()
    assert json.loads(line)["values"] == [1.5, 1.5, 1.5]  # once each, though sent twice


def test_api_2_is_written_with_org_bucket_and_token(servers: Servers) -> None:
    servers.start()
    with Faulty(servers.config.influx.url) as faulty:
        central = _central(faulty.url, Secrets(token="t0ken"), api="2", org="my home", bucket="b&c")
        faulty.answer(204, only="/api/v2/write")
        central.write(LINES)
        (seen,) = faulty.seen
        assert seen.path == "/api/v2/write?precision=ms&bucket=b%26c&org=my+home"
        assert seen.authorization == "Token t0ken"
        faulty.answer(403, "a token that may only write", only="/query")
        assert central.totals("home", 0, 1) is None
        assert "may only write" in central.cannot_ask


def test_a_cloud_without_ping_is_taken_for_api_2(servers: Servers) -> None:
    servers.start()
    with Faulty(servers.config.influx.url) as faulty:
        central = _central(faulty.url)
        faulty.answer(404, "no such path", only="/ping")
        with pytest.raises(Unavailable):  # influxd 1.6 has no /api/v2
            central.write(LINES)
        assert [one.path.partition("?")[0] for one in faulty.seen] == ["/ping", "/api/v2/write"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Rejected),
        (401, NotLetIn),
        (403, NotLetIn),
        (404, Unavailable),
        (413, TooLarge),
        (422, Rejected),
        (429, Busy),
        (500, Unavailable),
        (503, Busy),
        (302, Unavailable),
    ],
)
def test_each_answer_has_its_reaction_and_none_shows_the_secret(
    status: int, error: type[Exception], servers: Servers
) -> None:
    servers.start()
    with Faulty(servers.config.influx.url) as faulty:
        settings = {"api": "1", "username": "pi", "password_file": "/run/password"}
        central = _central(faulty.url, Secrets(password="hidden!"), **settings)
        faulty.answer(status, "what hidden! is that")
        with pytest.raises(error) as failure:
            central.write(LINES)
        assert str(status) in str(failure.value)
        assert "hidden!" not in str(failure.value)
        assert status not in {401, 403} or "/run/password" in str(failure.value)


def test_away_cut_or_hanging_is_unavailable_and_nobody_is_held_up(servers: Servers) -> None:
    servers.start()
    with pytest.raises(Unavailable, match="is away"):
        _central("http://127.0.0.1:1").write(LINES)
    with pytest.raises(Unavailable, match="is away"):
        _central("http://no-such-host.invalid").write(LINES)
    looked = []
    with Faulty(servers.config.influx.url) as faulty:
        settings = Settings(url=faulty.url, api="1", timeout_s=0.7)
        central = Central(settings, Secrets(), lambda: looked.append(time.monotonic()))
        faulty.hang()
        with pytest.raises(Unavailable, match="timed out"):
            central.write(LINES)
        assert looked
        faulty.cut_body()
        with pytest.raises(Unavailable, match="is away"):
            central.write(LINES)


def test_tls_is_checked_against_the_authorities_that_are_trusted(servers: Servers, tmp_path: Path) -> None:
    servers.start()
    certificate, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=central"
    command = ["openssl", *options.split(), "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with Faulty(servers.config.influx.url, tls) as faulty:
        _central(faulty.url, ca_file=str(certificate)).write(LINES)
        with pytest.raises(Unavailable, match="certificate verify failed"):
            _central(faulty.url).write(LINES)
        other_name = faulty.url.replace("127.0.0.1", "localhost")
        with pytest.raises(Unavailable, match="certificate"):
            _central(other_name, ca_file=str(certificate)).write(LINES)


def test_a_url_with_a_secret_or_without_a_host_is_a_wrong_configuration() -> None:
    for url in ("http://me:secret@host:8086", "http://host/?token=secret", "host:8086", "ftp://host"):
        with pytest.raises(ConfigError) as failure:
            _central(url)
        assert "secret" not in str(failure.value)
    assert _central("http://central.example", Secrets(token="x")).is_open_to_others
    assert not _central("https://central.example", Secrets(token="x")).is_open_to_others
