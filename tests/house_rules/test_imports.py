"""Who may import what: core is pure, an adapter is the only importer of its library, torch is for training alone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CODE = sorted([*ROOT.glob("edge/**/*.py"), *ROOT.glob("gateway/**/*.py")])
CORE = sorted(ROOT.glob("edge/core/*.py"))
PURE = {"bisect", "collections", "contextlib", "dataclasses", "enum", "functools", "hashlib", "itertools", "json"}
PURE |= {"bz2", "csv", "struct", "zlib", "math", "re", "typing", "numpy", "edge"}
OWNER = {
    "paho": {"edge/adapters/mqtt.py"},
    "redis": {
        f"edge/adapters/{name}.py"
        for name in ("streams", "energy_totals", "redis_guard", "redis_log", "redis_notes", "redis_terms")
    },
    "sqlite3": {"edge/adapters/accounts.py"},
    "argon2": {"edge/adapters/passwords.py"},
    "jwt": {"edge/adapters/jwt_tokens.py"},
    "onnxruntime": {"edge/adapters/onnx_model.py"},
    "pyarrow": {"edge/adapters/parquet.py", "edge/adapters/history_"},
    "msgpack": {"edge/adapters/history_answers.py"},
    "duckdb": {"edge/adapters/duck.py"},
    "matplotlib": {"edge/adapters/plots.py"},
    "influxdb_client": {"edge/adapters/influx.py"},
    "urllib3": {"edge/adapters/influx.py", "edge/adapters/central.py"},
    "systemd": {"edge/adapters/systemd.py", "edge/adapters/journal.py"},
    "psutil": {"edge/bench/machine.py"},
    "subprocess": {"edge/adapters/processes.py"},
    "flask": {"gateway"},
    "cheroot": {"gateway"},
    "prometheus_client": {"gateway"},
    "werkzeug": {"gateway"},
    "torch": set(),
    "pickle": set(),
}
"""Who may import a library; whatever is not here is not used, or the standard library's."""


def _imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def _name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("file", CORE, ids=_name)
def test_core_does_no_io_and_is_told_the_time(file: Path) -> None:
    imports = _imports(file)
    assert {name.split(".")[0] for name in imports} <= PURE
    ours = {name for name in imports if name.startswith("edge")}
    assert all(name == "edge.errors" or name.startswith("edge.core") for name in ours), ours
    called = {
        node.func.id
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"open", "print", "input", "eval", "exec"}


@pytest.mark.parametrize("file", CODE, ids=_name)
def test_one_outside_thing_one_importer(file: Path) -> None:
    for name in {name.split(".")[0] for name in _imports(file)} & OWNER.keys():
        assert any(_name(file).startswith(owner) for owner in OWNER[name]), f"{_name(file)} imports {name}"


@pytest.mark.parametrize("file", CODE, ids=_name)
def test_a_library_without_an_owner_is_not_used(file: Path) -> None:
    outside = {name.split(".")[0] for name in _imports(file)} - sys.stdlib_module_names - OWNER.keys()
    assert outside <= {"edge", "gateway", "numpy", "orjson"}


@pytest.mark.parametrize("file", [file for file in CODE if file.parent.name != "edge"], ids=_name)
def test_services_are_imported_by_nobody_below_them(file: Path) -> None:
    if file.parent.name in {"core", "adapters", "meters"}:
        services = {
            f"edge.{name}"
            for name in (
                "ingest",
                "infer",
                "persist",
                "snapshot",
                "backfill",
                "sync",
                "announce",
                "simulate",
                "run",
                "stack",
                "cli",
                "status",
            )
        }
        assert not _imports(file) & services


def test_no_service_loads_torch_or_duckdb() -> None:
    code = "import sys, edge.ingest, edge.infer, edge.persist, edge.sync, edge.simulate, gateway.serve"
    code += "; print([name for name in ('torch', 'duckdb') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"
