"""`nilm-edge doctor` on what flows and on the page: each fault that it claims to find."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge import __version__
from edge.adapters.influx import Influx
from edge.adapters.processes import free_port
from edge.adapters.streams import Streams
from edge.core.sample import NO_FLAGS, Sample
from edge.core.vitals import SERVICES
from edge.doctor import flow, page, units
from edge.doctor.finding import Level
from edge.safe_mode import ACTIVE, FLAG
from edge.settings import Config
from edge.unit import now_ms
from gateway import create_app
from gateway.hub import Hub
from gateway.serve import listen
from tests.gateway.test_tls import make_certificate
from tests.services.doctor import look, only, only_ok, worst

# -- what flows -------------------------------------------------------------------------------


def fill(streams: Streams, newest_ms: int, seconds: int, every_s: int = 1) -> None:
    newest_ms -= newest_ms % 1000
    first_ms = newest_ms - (seconds - 1) * every_s * 1000
    samples = [Sample("home", first_ms + n * every_s * 1000, 100.0, None, None, NO_FLAGS) for n in range(seconds)]
    streams.add_samples(samples)


def predict(streams: Streams, newest_ms: int) -> None:
    from edge.adapters.onnx_model import load_models
    from edge.core.disaggregator import Disaggregator
    from edge.models import SHIPPED_DIR

    one = Disaggregator(load_models(SHIPPED_DIR)[0])
    streams.add_ticks([one.predict("home", newest_ms - newest_ms % 1000, 100.0)])


def test_samples_that_do_not_come(config: Config, streams: Streams) -> None:
    assert "none has come" in only(list(flow.samples(look(config))), Level.FAULT).said
    fill(streams, now_ms() - 40_000, 60)
    silent = only(list(flow.samples(look(config, {"ingest": {"status": "no broker"}}))), Level.FAULT)
    assert "none for 4" in silent.said
    assert "no broker" in silent.means
    none = replace(config, meters=())
    assert "no meter" in only(list(flow.samples(look(none))), Level.FAULT).said


def test_samples_that_come_seldom(config: Config, streams: Streams) -> None:
    fill(streams, now_ms(), 60, every_s=2)
    predict(streams, now_ms())
    assert "30 of the last 60" in only(list(flow.samples(look(config))), Level.WARNING).said


def test_samples_without_predictions_and_with(config: Config, streams: Streams) -> None:
    fill(streams, now_ms(), 60)
    assert "none yet" in only(list(flow.samples(look(config))), Level.FAULT).said
    safe = Path(config.data_dir) / FLAG
    safe.write_text("")
    assert not list(flow.samples(look(config)))
    assert "--safe" in only(list(flow.safe_mode(look(config))), Level.WARNING).said
    assert {one.check for one in flow.services(look(config))} == {f"nilm-{name}" for name in ACTIVE}
    safe.unlink()
    predict(streams, now_ms())
    assert "window 60/3600" in only_ok(list(flow.samples(look(config))))


def test_what_waits_and_what_was_lost(config: Config, streams: Streams, tmp_path: Path) -> None:
    assert only_ok(list(flow.backlog(look(config))))
    fill(streams, now_ms(), 1300)
    streams.count("home", "spool_dropped", 7)
    for folder in ("spool", "rejected"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1").write_text("")
    found = list(flow.backlog(look(config, {"persist": {"influx_stuck": True}})))
    said = [(one.level, one.said) for one in found]
    assert said == [
        (Level.WARNING, "home: 1300 entries wait in Redis"),
        (Level.WARNING, "home: 7 entries were dropped once"),
        (Level.FAULT, "InfluxDB is stuck"),
        (Level.WARNING, "1 half hours wait in files"),
        (Level.WARNING, "1 batches that InfluxDB refused for good are set aside"),
    ]


def test_services_that_are_silent_or_of_another_version(config: Config) -> None:
    at_ms = now_ms()
    beats: dict[str, Any] = {name: {"beat_ms": at_ms, "version": __version__} for name in SERVICES}
    assert worst(list(flow.services(look(config, beats)))) is Level.OK
    beats["infer"]["beat_ms"] -= 60_000
    beats["persist"]["version"] = "0.0.1"
    del beats["ingest"]
    found = {one.check: one for one in flow.services(look(config, beats))}
    assert "not said anything" in found["nilm-ingest"].said
    assert "silent for 60 s" in found["nilm-infer"].said
    assert found["nilm-persist"].level is Level.WARNING
    with_central = replace(config, central=replace(config.central, url="http://x"))
    assert "nilm-sync" in {one.check for one in flow.services(look(with_central, beats))}
    beats["announce"] = beats["gateway"]  # by hand, without being asked for
    assert "nilm-announce" in {one.check for one in flow.services(look(config, beats))}


def test_what_systemd_says_is_judged() -> None:
    good = "Id=nilm-ingest.service\nLoadState=loaded\nActiveState=active\nSubState=running\nResult=success\nNRestarts=0"
    assert [one.level for one in units.of_units(good)] == [Level.OK]
    assert "none of our units" in only_ok(list(units.of_units(good.replace("nilm-ingest", "influxdb"))))
    for was, now, level in (
        ("ActiveState=active", "ActiveState=failed", Level.FAULT),
        ("SubState=running", "SubState=auto-restart", Level.FAULT),
        ("NRestarts=0", "NRestarts=9", Level.WARNING),
    ):
        assert only(list(units.of_units(f"{good}\n\n{good.replace(was, now)}")), level)


# -- the page ---------------------------------------------------------------------------------


@pytest.fixture
def served(config: Config, tmp_path: Path, streams: Streams, influx: Influx) -> Iterator[Config]:
    certificate, key = make_certificate(tmp_path)
    config = replace(
        config, gateway=replace(config.gateway, port=free_port(), tls_cert_file=certificate, tls_key_file=key)
    )
    server = listen(create_app(config, streams, influx, Hub(streams)), config)
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield config
    server.stop()
    thread.join()


def test_a_page_whose_certificate_ends_soon(served: Config, tmp_path: Path) -> None:
    assert "ends in 0 days" in only(list(page.page(look(served))), Level.WARNING).said
    other = tmp_path / "other"
    other.mkdir()
    renewed = replace(served, gateway=replace(served.gateway, tls_cert_file=make_certificate(other)[0]))
    assert "certificate" in only(list(page.page(look(renewed))), Level.FAULT).said


def test_a_page_that_does_not_answer(config: Config) -> None:
    closed = replace(config, gateway=replace(config.gateway, port=free_port()))
    assert "does not answer" in only(list(page.page(look(closed))), Level.FAULT).said


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_what_is_open_wider_than_configured(config: Config, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as server:
        port = server.getsockname()[1]
        wide = replace(config, gateway=replace(config.gateway, port=port))
        assert f"port {port}" in only(list(page.exposure(look(wide))), Level.FAULT).said
        database = replace(config, redis=replace(config.redis, url=f"redis://127.0.0.1:{port}/0"))
        assert "Redis" in only(list(page.exposure(look(database))), Level.WARNING).said
        meant = replace(config, gateway=replace(config.gateway, host=address, port=port))
        assert only_ok(list(page.exposure(look(meant))))


def test_accounts_are_there_when_needed(config: Config) -> None:
    from edge.adapters.accounts import Accounts
    from edge.core.grants import Caller, Role

    assert "who sits at this machine" in only_ok(list(page.accounts(look(config))))
    wide = replace(config, gateway=replace(config.gateway, host="0.0.0.0"))
    assert "user add" in only(list(page.accounts(look(wide))), Level.WARNING).do
    Accounts(Path(config.data_dir)).add(Caller("anna", Role.ADMIN, ("*",)), "hash")
    assert only_ok(list(page.accounts(look(wide)))) == "1"
    tokens = replace(config, gateway=replace(config.gateway, host="0.0.0.0", auth="jwt"))
    assert "tokens" in only_ok(list(page.accounts(look(tokens))))
