from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.cli import main
from edge.config import KNOWN_NAMES, load_config
from edge.config_text import masked, to_toml
from edge.errors import ConfigError
from edge.settings import Config, Meter, settings_of


def _load(tmp_path: Path, text: str, **environ: str) -> Config:
    file = tmp_path / "config.toml"
    file.write_text(text)
    return load_config(file, environ)


def test_the_defaults_read_back_as_they_are_written(tmp_path: Path) -> None:
    assert _load(tmp_path, to_toml(Config(), comments=True)) == Config()


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_text_survives_writing_and_reading(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    config = Config(meters=(Meter(topic=text), Meter(building=text)))
    assert _load(tmp_path_factory.mktemp("config"), to_toml(config)) == config


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[mqtt]\nprot = 1", "mqtt.prot: unknown key; did you mean 'port'?"),
        ("[nope]\na = 1", "unknown key 'nope'"),
        ("[mqtt]\nport = 'x'", "mqtt.port: must be a whole number, not 'x'"),
        ("[mqtt]\nport = true", "mqtt.port: must be a whole number, not True"),
        ("[mqtt]\nport = 70000", "mqtt.port: must be from 1 to 65535, not 70000"),
        ("[influx]\napi = '3'", "influx.api: must be one of auto, 1, 2, not '3'"),
        ("[influx]\ntimeout_s = 'long'", "influx.timeout_s: must be a number"),
        ("mqtt = 5", "mqtt must be a [mqtt] table"),
        ("[meters]\na = 1", "meters must be written as [[meters]] tables"),
        ("[[meters]]\nfamly = 'x'", "meters[0].famly: unknown key; did you mean 'family'?"),
        ("not toml", "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as failure:
        _load(tmp_path, text)
    assert complaint in str(failure.value)


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    environ = {"NILM_EDGE__MQTT__PORT": "1884", "NILM_EDGE__INFLUX__TIMEOUT_S": "2.5", "NILM_EDGE__LOG_LEVEL": "debug"}
    config = _load(tmp_path, "[mqtt]\nport = 1\nhost = 'broker'", **environ)
    assert (config.mqtt.port, config.mqtt.host, config.influx.timeout_s) == (1884, "broker", 2.5)
    assert config.log_level == "debug"


def test_the_names_users_know_are_understood(tmp_path: Path) -> None:
    environ = {name: f"value-of-{name}" for name in KNOWN_NAMES} | {"PORT": "9090", "E2E_PROBES_ENABLED": "true"}
    config = _load(tmp_path, "", **environ)
    assert config.redis.url == "value-of-REDIS_URL"
    assert config.influx.bucket_pred == "value-of-INFLUX_BUCKET_PRED"
    assert (config.gateway.port, config.gateway.e2e_probes) == (9090, True)


def test_no_secret_is_shown() -> None:
    environ = {
        "REDIS_URL": "redis://user:s3cret@host:1/0",
        "INFLUX_URL": "http://user:s3cret@host:2",
        "INFLUX_TOKEN": "s3cret",
    }
    shown = to_toml(masked(load_config(None, environ)))
    assert "s3cret" not in shown
    assert "redis://********@host:1/0" in shown


def test_every_setting_has_a_comment_and_a_type() -> None:
    tables = [Config(), Meter(), *(value for f in fields(Config) if is_dataclass(value := getattr(Config(), f.name)))]
    for table in tables:
        for name, value, about in settings_of(table):
            assert about.metadata["doc"].endswith("."), name
            assert isinstance(value, (str, int, float, bool)), name


def test_the_command_prints_what_is_in_force(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[mqtt]\nport = 1999\n")
    assert main(["config", "--config", str(file)]) == 0
    assert "port = 1999" in capsys.readouterr().out
    file.write_text("[mqtt]\nprot = 1999\n")
    assert main(["config", "--config", str(file)]) == 78
    assert "mqtt.prot" in capsys.readouterr().err
    assert main(["config", "--config", str(tmp_path / "nowhere.toml")]) == 78
    assert "cannot read the configuration" in capsys.readouterr().err
