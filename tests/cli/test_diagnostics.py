"""`nilm-edge diagnostics`: what somebody elsewhere needs, and none of the secrets."""

import json
import tarfile
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from edge.config_text import secret_files, to_toml, with_setting
from edge.scrub import MASK, Scrubber, secrets_of
from edge.settings import Config
from tests.services.appliance import nilm_edge

_URLS = {
    "redis.url": "redis://anna:{}@127.0.0.1:1/0",
    "influx.url": "http://anna:{}@127.0.0.1:1",
    "central.url": "http://127.0.0.1:1/?token={}",
}


def planted(config: Config, folder: Path) -> tuple[Config, dict[str, str]]:
    """`config` with a secret of its own in each setting that may hold or name one, and which."""
    from edge.config_text import SECRET_FILES, _named

    secrets = {}
    for name, _, about in list(_named(config)):
        secret = f"S3cret+/of {name}!"
        if about.metadata["secret"]:
            text = _URLS[name].format(quote(secret, safe="")) if name in _URLS else secret
            config = with_setting(config, name, text)
        elif name.endswith(SECRET_FILES):
            file = folder / name
            file.write_text(f"{secret}\nanother line of it\n")
            config = with_setting(config, name, str(file))
        else:
            continue
        secrets[name] = secret
    return config, secrets


def contents(file: Path) -> dict[str, str]:
    with tarfile.open(file) as tar:
        return {
            member.name.removeprefix("nilm-edge-diagnostics/"): found.read().decode()
            for member in tar
            if (found := tar.extractfile(member))
        }


def test_every_secret_is_taken_out(config: Config, tmp_path: Path) -> None:
    shown, secrets = planted(config, tmp_path)
    assert len(secrets) >= 12
    assert {name for name, _ in secret_files(shown)} <= secrets.keys()
    (tmp_path / "log").mkdir()
    token = "nilm_" + "Ab1-" * 11
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJlLW9mLWl0"
    with (tmp_path / "log" / "ingest.log").open("w") as log:
        for secret in secrets.values():
            log.write(f"2026-11-21 10:00:00,000 WARNING nilm.x: it said {secret} and {quote(secret, safe='')}\n")
            log.write(f"2026-11-21 10:00:00,000 WARNING nilm.x: {b64encode(secret.encode()).decode()}\n")
        log.write(
            f"2026-11-21 10:00:00,000 ERROR nilm.x: Authorization: Bearer {token} or {jwt} nilm_session=abcdef12\n"
        )
        log.write("2026-11-21 10:00:00,000 ERROR nilm.x: http://u:anotherpass@h/?token=unheard-of&password=hush-hush\n")
    (tmp_path / "accounts.db").write_bytes(b"SQLite argon2id-hash")
    file = tmp_path / "config.toml"
    file.write_text(to_toml(shown))
    done = nilm_edge("diagnostics", str(tmp_path / "box.tar.gz"), "--config", str(file), "--json")
    assert done.returncode == 0, done.stderr
    found = contents(tmp_path / "box.tar.gz")
    everything = "\n".join(found.values()) + done.stdout + done.stderr
    for name, secret in secrets.items():
        assert secret not in everything, name
        assert quote(secret, safe="") not in everything, name
        assert b64encode(secret.encode()).decode() not in everything, name
    for secret in (token, jwt, "abcdef12", "anotherpass", "unheard-of", "hush-hush", "argon2id-hash"):
        assert secret not in everything
    assert MASK in found["logs/ingest.log"]
    assert found["config.toml"].count("token_file") >= 2  # where they are is told


def test_what_is_in_it(config: Config, tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "infer.log").write_text("2026-11-21 10:00:00,000 INFO nilm.infer: started: 13 appliances\n")
    file, box = tmp_path / "config.toml", tmp_path / "box.tar.gz"
    file.write_text(to_toml(config))
    done = nilm_edge("diagnostics", str(box), "--config", str(file))
    assert done.returncode == 0, done.stderr
    assert "doctor says: fault" in done.stdout
    found = contents(box)
    assert found.keys() >= {"doctor.json", "config.toml", "versions.json", "machine.txt", "status.json", "metrics.txt"}
    assert found.keys() >= {"gaps.json", "logs/infer.log", "about.json"}
    assert "13 appliances" in found["logs/infer.log"]
    assert json.loads(found["versions.json"])["packages"]["onnxruntime"]
    assert "nilm_redis_up 1.0" in found["metrics.txt"]
    assert box.stat().st_mode & 0o777 == 0o600


def test_with_all_servers_away_it_says_what_is_missing(tmp_path: Path) -> None:
    away = replace(
        Config(),
        data_dir=str(tmp_path),
        redis=replace(Config().redis, url="redis://127.0.0.1:1/0"),
        influx=replace(Config().influx, url="http://127.0.0.1:1"),
        mqtt=replace(Config().mqtt, port=1),
    )
    (tmp_path / "config.toml").write_text(to_toml(away))
    done = nilm_edge("diagnostics", str(tmp_path / "box.tar.gz"), "--config", str(tmp_path / "config.toml"), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(contents(tmp_path / "box.tar.gz")["about.json"])
    assert told["left_out"].keys() >= {"status.json", "gaps.json"}
    assert "a mistake of ours" not in str(told)


def test_no_file_is_left_where_it_cannot_be_written(config: Config, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(to_toml(config))
    done = nilm_edge("diagnostics", str(tmp_path / "no" / "box.tar.gz"), "--config", str(tmp_path / "config.toml"))
    assert (done.returncode, done.stderr) == (1, f"nilm-edge: there is no folder {tmp_path / 'no'}\n")


@pytest.mark.parametrize("text", ["no secret here", "", "http://127.0.0.1:8086/write?db=nilm"])
def test_text_without_secrets_stays(text: str) -> None:
    assert Scrubber(secrets_of(Config())[0]).scrub(text) == text
