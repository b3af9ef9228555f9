"""From a bare Debian to moving numbers with one command, and again, and without root, and the tests."""

import shutil
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.adapters.processes import free_port
from tests.appliance.machine import Machine
from tests.appliance.terminal import CTRL_C, Terminal

pytestmark = pytest.mark.appliance

CHECKOUT = "/home/nilm edge"  # with a space: people have such folders
NO_INDEX = "PIP_INDEX_URL=http://127.0.0.1:9/ PIP_EXTRA_INDEX_URL= PIP_RETRIES=0"


def clone(machine: Machine, bundle: Path) -> None:
    shutil.copy(bundle, machine.tree / "home/nilm.bundle")
    done = machine.run(f"git clone --quiet /home/nilm.bundle '{CHECKOUT}'")
    assert done.returncode == 0, done.stdout


def run_and_stop(machine: Machine, environment: str, within_s: float) -> float:
    """`make run` until its status line moves and its page answers, then Ctrl-C; seconds until live."""
    port = free_port()
    began_s = time.monotonic()
    with Terminal(machine.command(f'cd "{CHECKOUT}" && {environment} make run ARGS="--port {port}"')) as terminal:
        terminal.expect(rf"http://127\.0\.0\.1:{port}/", within_s)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as page:
            assert b"<html" in page.read()
        terminal.expect(r"mains -?\d+ W .*window \d+/3600", 10)
        live_s = time.monotonic() - began_s
        terminal.type(CTRL_C)
        end_s = time.monotonic() + 5
        while machine.left_over() and time.monotonic() < end_s:
            time.sleep(0.05)
        assert not machine.left_over()
        terminal.wait(1)
        assert "Traceback" not in terminal.shown
    return live_s


def test_one_command_from_bare_debian_to_moving_numbers(
    machine: Machine, bundle: Path, record: Callable[[str, float], None]
) -> None:
    clone(machine, bundle)
    began_s = time.monotonic()
    done = machine.run(f'cd "{CHECKOUT}" && make setup')
    print(done.stdout)
    assert done.returncode == 0
    record("make setup, s", time.monotonic() - began_s)
    record(".venv, MB", float(machine.run(f'du -sm "{CHECKOUT}/.venv"').stdout.split()[0]))

    began_s = time.monotonic()
    done = machine.run(f'cd "{CHECKOUT}" && make setup')
    assert (done.returncode, done.stdout) == (0, "")
    record("make setup again, s", time.monotonic() - began_s)

    record("make run until live, s", run_and_stop(machine, "", 90))
    (machine.tree / "etc/apt/sources.list").write_text("")
    live_s = run_and_stop(machine, NO_INDEX, 15)
    record("second make run until live, offline, s", live_s)
    assert live_s < 15


def test_a_half_made_environment_is_made_anew(machine: Machine, bundle: Path) -> None:
    clone(machine, bundle)
    with Terminal(machine.command(f'cd "{CHECKOUT}" && make setup')) as terminal:
        terminal.expect("unpacking them", 600)
        terminal.type(CTRL_C)
        assert terminal.wait(10) != 0
    assert (machine.tree / CHECKOUT[1:] / ".venv/incomplete").exists()
    done = machine.run(f'cd "{CHECKOUT}" && make setup && .venv/bin/nilm-edge --version')
    assert done.returncode == 0, done.stdout
    assert "Making .venv" in done.stdout


def test_without_root_it_says_the_one_command(machine: Machine, bundle: Path) -> None:
    clone(machine, bundle)
    machine.run(f'useradd --create-home anna && chown -R anna "{CHECKOUT}"')
    done = machine.run(f'cd "{CHECKOUT}" && make run', user="anna")
    print(done.stdout)
    assert done.returncode == 2
    assert done.stdout.count("apt-get install") == 1
    assert "Traceback" not in done.stdout
    assert not (machine.tree / CHECKOUT[1:] / ".venv").exists()


def test_make_test_passes(machine: Machine, bundle: Path, record: Callable[[str, float], None]) -> None:
    clone(machine, bundle)
    began_s = time.monotonic()
    done = machine.run(f'cd "{CHECKOUT}" && make test')
    print(done.stdout[-5000:])
    assert done.returncode == 0
    record("make test, s", time.monotonic() - began_s)
