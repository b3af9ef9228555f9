import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edge.cli import main
from edge.config_text import to_toml
from edge.settings import Config

COMMANDS = ["run", "simulate", "ingest", "infer", "persist", "gateway", "config", "status"]
COMMANDS += ["snapshot", "query", "export", "gaps", "backfill", "backup", "restore"]
COMMANDS += ["meters families", "meters try", "meters listen", "meters simulate"]
COMMANDS += [
    "doctor",
    "setup",
    "upgrade",
    "rollback",
    "migrate",
    "diagnostics",
    "provision",
    "sync",
    "announce",
    "mend influxdb",
    "mend redis",
]
COMMANDS += ["user add", "user list", "user remove", "user password", "user token"]
COMMANDS += [
    "models list",
    "models verify",
    "evaluate",
    "bench pipeline",
    "bench inference",
    "bench history",
    "bench durability",
    "bench sync",
    "ready",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    assert f"Example:\n  nilm-edge {command}" in capsys.readouterr().out


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = re.findall(r"^    (\w+)(?: |$)", capsys.readouterr().out, re.MULTILINE)
    assert set(listed) == {command.split()[0] for command in COMMANDS}


@pytest.mark.parametrize(
    "arguments", [[], ["nope"], ["run", "--port", "0"], ["run", "--port", "x"], ["status", "--last", "-5"]]
)
def test_wrong_usage_exits_2_and_says_why(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: nilm-edge" in capsys.readouterr().err


def test_status_without_redis_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[redis]\nurl = "redis://127.0.0.1:1/0"\n')
    assert main(["status", "--config", str(file)]) == 1
    assert capsys.readouterr().err.startswith("nilm-edge: Redis is away")


def test_status_of_an_appliance_that_never_ran(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(to_toml(config))
    assert main(["status", "--json", "--config", str(file)]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["services"], found["buildings"]) == ({}, {})


def test_the_command_starts_without_what_it_does_not_need() -> None:
    """Each import costs every service memory for years."""
    heavy = ["numpy", "onnxruntime", "pyarrow", "redis", "flask", "torch", "duckdb"]
    code = f"import sys, edge.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
