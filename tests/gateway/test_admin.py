import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from edge.adapters.accounts import Accounts
from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.core.grants import Caller, Role
from edge.models import SHIPPED_DIR
from edge.settings import Config
from gateway import create_app
from gateway.hub import Hub
from tests.gateway.conftest import ADMIN_TOKEN
from tests.gateway.house import fill
from tests.gateway.test_infer import ASKED
from tests.servers import wait_until
from tests.services.processes import Service


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED_DIR, tmp_path / "models"))


@pytest.fixture
def running(guarded: Config, streams: Streams, influx: Influx, models: Path) -> Iterator[FlaskClient]:
    """An admin of a box whose infer service runs with models of its own."""
    config = replace(guarded, infer=replace(guarded.infer, models_dir=str(models)))
    client = create_app(config, streams, influx, Hub(streams)).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {ADMIN_TOKEN}"
    with Service("infer", config):
        wait_until(lambda: bool(streams.services().get("infer")))
        yield client


def version(client: FlaskClient) -> Any:
    said: Any = client.get("/models").json
    (model,) = said["models"]
    assert model["state"] == "ok"
    assert len(model["sha256"]) == 64
    assert model["metrics"]
    return model["version"]


def edit(models: Path, text: str) -> None:
    registry = json.loads((models / "registry.json").read_text())
    registry["models"][0]["version"] = text
    (models / "registry.json").write_text(json.dumps(registry))


def test_models_are_exchanged_and_broken_ones_are_not(running: FlaskClient, streams: Streams, models: Path) -> None:
    fill(streams, "home", 5)
    before = version(running)
    assert running.post("/infer", json=ASKED).json["model_version"].endswith(before)  # type: ignore[index]
    edit(models, "next")
    answer = running.post("/admin/reload-models")
    assert (answer.status_code, answer.json["reload"]) == (200, "done"), answer.text  # type: ignore[index]
    assert version(running) == "next"
    assert running.post("/infer", json=ASKED).json["model_version"].endswith("-next")  # type: ignore[index]
    edit(models, "broken")
    for graph in models.glob("*step.onnx"):
        graph.write_bytes(graph.read_bytes()[:-100])
    answer = running.post("/admin/reload-models")
    assert answer.status_code == 409
    assert "does not have the sha256" in answer.json["detail"]  # type: ignore[index]
    assert version(running) == "next"
    assert running.post("/infer", json=ASKED).json["model_version"].endswith("-next")  # type: ignore[index]


def test_without_an_infer_service_the_wish_is_noted(admin: FlaskClient) -> None:
    answer = admin.post("/admin/reload-models")
    assert (answer.status_code, answer.json and answer.json["reload"]) == (202, "asked")


def test_caches_are_counted_and_emptied(admin: FlaskClient, guarded: Config, streams: Streams) -> None:
    accounts = Accounts(Path(guarded.data_dir))
    assert accounts.add(Caller("olga", Role.OPERATOR, ("home",)), "no password")
    assert accounts.add_token("olga", "token", "nilm_olga", 1)
    fill(streams, "home", 5)
    for _ in range(3):
        headers = {"Authorization": "Bearer nilm_olga", "Idempotency-Key": "one"}
        assert admin.post("/infer", json=ASKED, headers=headers).status_code == 200
    said: Any = admin.get("/admin/cache/stats").json
    assert said["decisions"] == {"kept": 1, "recalled": 2, "decided": 1, "ttl_s": 30}
    assert said["answers"] == {"kept": 1, "ttl_s": 86_400}
    assert len(said["models"]["loaded"]) == 1
    assert admin.post("/admin/cache/invalidate").json == {"decisions": 1, "models": 1}
    said = admin.get("/admin/cache/stats").json
    assert (said["decisions"]["kept"], said["answers"]["kept"], said["models"]["loaded"]) == (0, 1, [])
    accounts.remove("olga")
    assert admin.get("/models", headers={"Authorization": "Bearer nilm_olga"}).status_code == 401
