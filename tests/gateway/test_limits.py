"""How often one may call."""

from dataclasses import replace
from pathlib import Path

from flask.testing import FlaskClient

from edge.adapters.accounts import Accounts
from edge.adapters.influx import Influx
from edge.adapters.redis_guard import RedisGuard
from edge.adapters.streams import Streams
from edge.core.grants import Caller, Role
from edge.settings import Config
from gateway import create_app
from gateway.hub import Hub
from gateway.limits import Counts, address_key
from gateway.proxies import parse_address
from tests.gateway.house import fill


def limited(config: Config, streams: Streams, influx: Influx) -> FlaskClient:
    settings = replace(config.gateway, user_per_min=5, address_per_min=8)
    return create_app(replace(config, gateway=settings), streams, influx, Hub(streams)).test_client()


def statuses(client: FlaskClient, times: int, path: str = "/api/buildings", **options: object) -> list[int]:
    answers = [client.get(path, **options) for _ in range(times)]
    for answer in answers:
        answer.close()
    return [answer.status_code for answer in answers]


def test_an_address_is_limited(config: Config, streams: Streams, influx: Influx) -> None:
    client = limited(config, streams, influx)
    assert statuses(client, 9) == [200] * 8 + [429]
    answer = client.get("/api/buildings")
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert answer.mimetype == "application/problem+json"
    assert statuses(client, 2, environ_overrides={"REMOTE_ADDR": "127.0.0.2"}) == [200, 200]
    assert statuses(client, 3, "/live") == [200] * 3  # watchdogs and the page's files are not counted
    another = limited(config, streams, influx)  # as after a restart: the count is in Redis
    assert statuses(another, 1) == [429]


def test_wrong_tokens_and_streams_count(config: Config, streams: Streams, influx: Influx) -> None:
    fill(streams, "home", 60)
    client = limited(config, streams, influx)
    assert statuses(client, 4, "/api/stream?building_id=home") == [200] * 4
    assert statuses(client, 5, headers={"Authorization": "Bearer x"}) == [401] * 4 + [429]


def test_a_user_is_limited_from_wherever(config: Config, streams: Streams, influx: Influx) -> None:
    accounts = Accounts(Path(config.data_dir))
    for name in ("anna", "bea"):
        accounts.add(Caller(name, Role.VIEWER, ("*",)), "")
        accounts.add_token(name, "t", f"nilm_{name}", 1)
    client = limited(config, streams, influx)

    def ask(name: str, address: str) -> int:
        (status,) = statuses(
            client, 1, headers={"Authorization": f"Bearer nilm_{name}"}, environ_overrides={"REMOTE_ADDR": address}
        )
        return status

    assert [ask("anna", f"10.0.0.{i}") for i in range(6)] == [200] * 5 + [429]
    assert ask("bea", "10.0.0.1") == 200


def test_while_redis_is_away_the_gateway_counts_itself() -> None:
    counts = Counts(RedisGuard("redis://127.0.0.1:1/0", 0.2))
    assert [counts.one_more("a", 120.0) for _ in range(3)] == [1, 2, 3]
    assert counts.one_more("b", 120.0) == 1
    assert counts.one_more("a", 180.0) == 1


def test_the_minute_before_counts_by_what_is_left_of_it(config: Config) -> None:
    counts = Counts(RedisGuard(config.redis.url, 1))
    for _ in range(10):
        counts.one_more("a", 60_000 * 60 + 59)
    assert counts.one_more("a", 60_001 * 60 + 15) == 1 + 10 * 0.75


def test_of_ipv6_the_network_is_counted() -> None:
    assert address_key(parse_address("2001:db8:1:2:3:4:5:6")) == "2001:db8:1:2::/64"
    assert address_key(parse_address("::ffff:10.0.0.1")) == "10.0.0.1"
    assert address_key(parse_address("fe80::1%eth0")) == "fe80::/64"
