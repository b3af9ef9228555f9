import time
from dataclasses import replace

from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.settings import Config
from gateway import create_app
from gateway.checks import check_all
from gateway.hub import Hub
from tests.gateway.house import fill, now_s


def everything_down(config: Config, redis_url: str, influx_url: str) -> FlaskClient:
    config = replace(config, influx=replace(config.influx, url=influx_url))
    streams = Streams.connect(redis_url, timeout_s=0.7)
    return create_app(config, streams, Influx.connect(config.influx), Hub(streams)).test_client()


def test_live_needs_nothing() -> None:
    client = everything_down(Config(), "redis://127.0.0.1:1/0", "http://127.0.0.1:1")
    assert client.get("/live").json["live"] is True  # type: ignore[index]


def test_ready_names_what_is_down_and_why() -> None:
    client = everything_down(Config(), "redis://127.0.0.1:1/0", "http://127.0.0.1:1")
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert answer.json is not None
    assert answer.json["down"] == ["redis", "influxdb", "samples"]
    assert "refused" in answer.json["checks"]["redis"]["why"]
    assert "refused" in answer.json["checks"]["influxdb"]["why"]


def test_ready_takes_under_a_second_where_nothing_answers() -> None:
    # 192.0.2.0/24 is for documentation: no machine answers, and nothing says so
    client = everything_down(Config(), "redis://192.0.2.1:6379/0", "http://192.0.2.1:8086")
    client.get("/live")
    began_s = time.monotonic()
    answer = client.get("/ready")
    assert time.monotonic() - began_s < 1.0
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["down"] == ["redis", "influxdb", "samples"]


def test_a_check_that_hangs_is_given_up() -> None:
    began_s = time.monotonic()
    said = check_all({"slow": lambda: time.sleep(1.2), "fine": lambda: None})
    assert time.monotonic() - began_s < 1.0
    assert said["fine"] is None
    assert "no answer" in str(said["slow"])


def test_ready_once_samples_flow(client: FlaskClient, streams: Streams) -> None:
    answer = client.get("/ready")
    assert answer.json is not None
    assert answer.json["down"] == ["samples"]
    assert "no sample of building home has come yet" in answer.json["checks"]["samples"]["why"]
    fill(streams, "home", 5, until_s=now_s() - 100)
    assert "for 10" in client.get("/ready").json["checks"]["samples"]["why"]  # type: ignore[index]
    fill(streams, "home", 5)
    answer = client.get("/ready")
    assert (answer.status_code, answer.json and answer.json["ready"]) == (200, True)


def figures(client: FlaskClient) -> dict[tuple[str, ...], float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_metrics_of_buildings_and_services(client: FlaskClient, streams: Streams) -> None:
    fill(streams, "home", 90)
    fill(streams, "barn", 60, until_s=now_s() - 50)
    streams.count("home", "malformed")
    streams.beat("infer", {"pid": 7, "beat_ms": now_s() * 1000, "started_ms": 5_000, "lag_ms": 250, "catch_up": 3})
    streams.beat("persist", {"beat_ms": (now_s() - 60) * 1000})
    found = figures(client)
    assert found["nilm_redis_up",] == 1
    assert found["nilm_window_length_samples", "home"] == 90
    assert found["nilm_predictions_length_seconds", "barn"] == 60
    assert found["nilm_outbox_length_entries", "home"] == 180
    assert 0 <= found["nilm_newest_sample_age_seconds", "home"] < 5
    assert 48 < found["nilm_newest_sample_age_seconds", "barn"] < 55
    assert found["nilm_samples_accepted_total", "home"] == 90
    assert found["nilm_samples_malformed_total", "home"] == 1
    assert found["nilm_samples_late_total", "home"] == 0
    assert found["nilm_seconds_predicted_total", "barn"] == 60
    assert found["nilm_service_up", "infer"] == 1
    assert found["nilm_service_up", "persist"] == 0
    assert found["nilm_service_up", "ingest"] == 0
    assert found["nilm_service_lag_seconds", "infer"] == 0.25
    assert found["nilm_service_catch_up", "infer"] == 3
    assert found["nilm_service_start_time_seconds", "infer"] == 5
    assert found["process_resident_memory_bytes",] > 0


def test_metrics_without_redis() -> None:
    found = figures(everything_down(Config(), "redis://127.0.0.1:1/0", "http://127.0.0.1:1"))
    assert found["nilm_redis_up",] == 0
    assert not any(name.startswith("nilm_window") for name, *_ in found)


def test_models_as_infer_tells(client: FlaskClient, streams: Streams) -> None:
    assert client.get("/models").json == {"models": [], "infer": {"up": False, "heartbeat_age_s": None}}
    model = {"id": "ten", "version": "1", "state": "disabled", "reason": "wrong hash", "appliances": ["Oven"]}
    streams.beat("infer", {"beat_ms": now_s() * 1000, "models": [model]})
    answer = client.get("/models").json
    assert answer is not None
    assert answer["models"] == [model]
    assert answer["infer"]["up"] is True
