"""`nilm-edge run`, as a user would use and misuse it."""

import itertools
import os
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from edge.core.sample import WINDOW_S
from tests.servers import has_ended, wait_until
from tests.services.appliance import Appliance, nilm_edge


def test_from_nothing_to_live_to_stopped_to_live_again(tmp_path: Path) -> None:
    data_dir = tmp_path / "data dir"
    with Appliance(data_dir) as appliance:
        appliance.wait_live()
        wait_until(lambda: sum("window 3600/3600" in line for line in appliance.lines) >= 2)
        (url_line,) = [line for line in appliance.lines if "http://127.0.0.1:" in line]
        assert f":{appliance.config.gateway.port}/" in url_line
        points = appliance.get("/analytics/readings?building_id=home&last=3600")["points"]
        assert len(points) == WINDOW_S  # the preceding hour is there at once
        assert appliance.get("/ready")["ready"]
        first_window = appliance.streams.window("home")
        assert {b.at_ms - a.at_ms for a, b in itertools.pairwise(first_window)} == {1000}
        children = psutil.Process(appliance.process.pid).children(recursive=True)
        assert len(children) == 8
        stopped_s = time.monotonic()
        appliance.process.send_signal(signal.SIGINT)
        assert appliance.process.wait(10) == 0
        assert time.monotonic() - stopped_s < 5
        assert not [child for child in children if child.is_running()]
    newest_ms = first_window[-1].at_ms
    started_s = time.monotonic()
    with Appliance(data_dir) as again:
        again.wait_live()
        assert time.monotonic() - started_s < 15
        kept = {sample.at_ms for sample in again.streams.window("home")}
        assert kept >= {sample.at_ms for sample in first_window[-1000:]}
        (stored,) = again.influx.query("nilm", "SELECT power_w FROM mains WHERE building=$b", {"b": "home"})
        seconds = [row[0] for row in stored.values]
        assert set(seconds) >= {sample.at_ms for sample in first_window if sample.at_ms <= newest_ms}
        assert len(seconds) == len(set(seconds))
        again.be_admin()
        again.post("/gaps/backfill")
        wait_until(lambda: _backfill(again)["state"] == "done", 30, "the backfill")
        assert _backfill(again)["left"] == []


@pytest.mark.parametrize(("options", "says"), [((), "Live after"), (("--safe",), "Safe mode")])
def test_where_the_page_is_is_said_when_it_answers(tmp_path: Path, options: Sequence[str], says: str) -> None:
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "sitecustomize.py").write_text("import sys, time\nif 'gateway' in sys.orig_argv:\n    time.sleep(5)\n")
    with Appliance(tmp_path / "data", *options, env={"PYTHONPATH": str(slow)}) as appliance:
        wait_until(lambda: any(says in line for line in appliance.lines), 30, says)
        assert appliance.get("/live")["live"]


def _backfill(appliance: Appliance) -> Any:
    time.sleep(1)  # a user may ask 60 times a minute
    return appliance.get("/gaps/summary")["backfill"]


def test_sigterm_before_it_is_live_leaves_nothing(tmp_path: Path) -> None:
    with Appliance(tmp_path) as appliance:
        wait_until(lambda: len(psutil.Process(appliance.process.pid).children()) >= 3)
        children = psutil.Process(appliance.process.pid).children(recursive=True)
        appliance.process.terminate()
        assert appliance.process.wait(5) == 0
        assert not [child for child in children if child.is_running()]


def test_a_killed_run_takes_everything_with_it(tmp_path: Path) -> None:
    with Appliance(tmp_path) as appliance:
        wait_until(lambda: len(psutil.Process(appliance.process.pid).children()) == 8)
        children = psutil.Process(appliance.process.pid).children(recursive=True)
        appliance.process.kill()
        appliance.process.wait(5)
        wait_until(lambda: all(has_ended(child.pid) for child in children))


def test_a_second_instance_and_a_busy_port_are_one_sentence_each(tmp_path: Path) -> None:
    with Appliance(tmp_path / "a") as appliance:
        wait_until(lambda: (tmp_path / "a" / "lock").exists() and appliance.lines)
        second = nilm_edge("run", "--data-dir", str(tmp_path / "a"))
        assert (second.returncode, second.stdout) == (1, "")
        assert "already runs in" in second.stderr
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            busy = nilm_edge("run", "--data-dir", str(tmp_path / "b"), "--port", str(port))
        assert busy.returncode == 1
        assert busy.stderr == f"nilm-edge: Port {port} is taken by another program; choose another one with --port.\n"


def _in_new_mounts(mount: str) -> Sequence[str]:
    """Runs the rest of the command line with `mount` done, seen by nobody else; no root is needed."""
    options = ["-m"] if os.geteuid() == 0 else ["-rm"]
    return ["unshare", *options, "sh", "-c", f'{mount} && exec "$@"', "sh"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("ro", "Cannot write in {0} (Read-only file system); choose another folder with --data-dir."),
        ("size=40k", "The disk of {0} is full: 0 MB free, 200 MB needed; make room, or choose another folder"),
        ("size=20m", "The disk of {0} is full: 20 MB free, 200 MB needed; make room, or choose another folder"),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path, options: str, sentence: str) -> None:
    mount = f"mount -t tmpfs -o {options} none {tmp_path}"
    done = nilm_edge("run", "--data-dir", str(tmp_path), before=_in_new_mounts(mount))
    assert done.returncode == 1
    assert sentence.format(tmp_path) in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_missing_server_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    nothing = tmp_path / "bin"
    nothing.mkdir()
    done = nilm_edge("run", "--data-dir", str(tmp_path / "data"), env={"PATH": str(nothing)})
    assert done.returncode == 2
    assert "sudo apt-get install" in done.stderr
    assert "redis-server influxdb" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_model_is_said_and_the_rest_runs(tmp_path: Path) -> None:
    empty = tmp_path / "models"
    empty.mkdir()
    with Appliance(tmp_path / "data", env={"NILM_EDGE__INFER__MODELS_DIR": str(empty)}) as appliance:
        appliance.wait_live()
        wait_until(lambda: any(line.startswith("Model registry is off: ") for line in appliance.lines))
        newest = appliance.get("/analytics/predictions?building_id=home&last=60")["points"][-1]
        assert newest["appliances"] == {}
        assert newest["other_w"] > 0


def test_each_of_our_processes_killed_in_turn_costs_no_second(tmp_path: Path) -> None:
    with Appliance(tmp_path) as appliance:
        appliance.wait_live()
        for name in ("ingest", "infer", "persist", "gateway", "simulate"):
            (victim,) = [
                child
                for child in psutil.Process(appliance.process.pid).children()
                if child.cmdline()[1:4] == ["-m", "edge", name]
            ]
            victim.kill()
            time.sleep(3)
        assert sum("starting it again" in line for line in appliance.lines) == 5
        time.sleep(3)
        check = appliance.status("--last", "3590")["buildings"]["home"]["check"]
        assert check["complete"], check
        assert check["samples"] == check["influx_samples"] == 3590
        assert set(check["influx_predictions"].values()) == {3590}
        query = "SELECT power_w FROM appliance WHERE building=$b GROUP BY appliance"
        series = appliance.influx.query("nilm", query, {"b": "home"})
        assert len(series) == 14
        for one in series:
            seconds = [row[0] for row in one.values]
            assert seconds == list(range(seconds[0], seconds[-1] + 1, 1000))
            assert len(seconds) > WINDOW_S
        counters = appliance.streams.counters("home")
        assert counters["dropped"] == counters.get("malformed", 0) == 0


def test_safe_mode_is_storage_and_the_page_alone(tmp_path: Path) -> None:
    config = ("--config", str(tmp_path / "config.toml"))
    with Appliance(tmp_path, "--safe") as appliance:
        wait_until(lambda: appliance.process.poll() is not None or any("Safe mode" in line for line in appliance.lines))
        wait_until(lambda: {"persist", "gateway"} <= appliance.streams.services().keys())
        running = psutil.Process(appliance.process.pid).children(recursive=True)
        assert len(running) == 5  # mosquitto, Redis, InfluxDB, nilm-persist, nilm-gateway
        assert appliance.get("/live")["live"]
        told = nilm_edge("status", *config)
        assert (told.returncode, told.stdout.startswith("SAFE MODE: nilm-edge run was started with --safe")) == (
            0,
            True,
        )
        doctor = nilm_edge("doctor", *config).stdout
        assert "WARNING  safe mode: nilm-edge run was started with --safe" in doctor
        assert "nilm-ingest" not in doctor
    with Appliance(tmp_path) as appliance:
        appliance.wait_live()
        assert appliance.status()["safe_mode"] == ""
