"""What `doctor --self-test` asks of an installation: that everything imports, and that models say what they should.

Each shipped model has a reference beside it, `NAME-reference.npz`: inputs, and what its window graph made of them on
x86. Each value must be within one step of 256, and nearly all equal. (A network's sums are made so that processors
round them alike, see scripts/network/exact_sums.py: any other difference is something that computes wrongly.)
"""

import importlib
import pkgutil
import time
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import edge
import gateway
from edge.adapters.onnx_model import OnnxModel, load_models
from edge.core.features import Encoder
from edge.doctor.finding import Finding, fault, ok
from edge.models import difference
from edge.models_folder import SHIPPED_DIR

_SECONDS = 1200
_KEPT = slice(_SECONDS - 1, None, -19)
"""The seconds that the reference has."""
_STEPS = 255
_EQUAL = 0.99
"""Of all values."""
_ANEW = "Install this version again: its files are not complete, or were changed."
_MODULES = {
    "argon2-cffi": "argon2",
    "influxdb-client": "influxdb_client",
    "paho-mqtt": "paho.mqtt.client",
    "prometheus-client": "prometheus_client",
    "pyjwt": "jwt",
    "systemd-python": "systemd.daemon",
}
"""What a dependency is imported as, where that is not its name."""
_EXTRA = {"edge.adapters.plots"}
"""Needs what comes with no installation (matplotlib)."""


def self_test(folder: Path = SHIPPED_DIR) -> list[Finding]:
    """Every finding; `folder` has the models and their references."""
    return [_imports(), *_models(folder)]


def _imports() -> Finding:
    began_s = time.monotonic()
    names = [_MODULES.get(name, name) for name in _dependencies()]
    for package in (edge, gateway):
        names += [found.name for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    names = [name for name in names if not name.endswith("__main__") and name not in _EXTRA]
    broken = []
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever keeps it from loading
            broken.append(f"{name}: {error}")
    if broken:
        return fault("imports", "; ".join(broken), "Something that services need does not load here.", _ANEW)
    return ok("imports", f"{len(names)} modules in {time.monotonic() - began_s:.1f} s")


def _dependencies() -> list[str]:
    try:
        wanted = requires("nilm-edge") or []
    except PackageNotFoundError:
        return list(_MODULES)
    plain = [text.partition(";")[0] for text in wanted if "extra ==" not in text]
    return [text.split(">")[0].split("<")[0].split("=")[0].split("[")[0].strip() for text in plain]


def _models(folder: Path) -> list[Finding]:
    models, disabled = load_models(folder)
    found = [fault("models", f"{one.id} is off: {one.reason}", "It cannot be used.", _ANEW) for one in disabled]
    for model in models:
        means = "Predictions would not be what was tested."
        if why := difference(model):
            found.append(fault("step and window", f"{model.spec.name}: {why}", means, "Report this machine."))
        else:
            found.append(ok("step and window", f"{model.spec.name}: the same in each second"))
        found.append(_against_reference(model, folder / reference_name(model)))
    return found or [fault("models", f"there is none in {folder}", "Nothing can be told apart.", _ANEW)]


def reference_name(model: OnnxModel) -> str:
    """The file with what a model makes of known inputs."""
    return f"{model.spec.name}-reference.npz"


def _against_reference(model: OnnxModel, file: Path) -> Finding:
    name = model.spec.name
    try:
        with np.load(file, allow_pickle=False) as stored:
            mains_w, layers, y = stored["mains_w"], stored["layers"], stored["y"]
        now_y, now_layers = answer(model, mains_w)
        steps = np.abs(now_layers.astype(np.int16) - layers)
        y_steps = np.abs(now_y - y) / (np.ptp(y, axis=0) / _STEPS)
    except (OSError, ValueError, KeyError) as error:
        return fault("reference", f"{name}: {file.name}: {error}", "It cannot be compared.", _ANEW)
    equal, off = float((steps == 0).mean()), float(y_steps.max())
    said = (
        f"{name}: {equal:.2%} of the layers' values are those of x86, none further than {steps.max()} steps of 256; "
        f"outputs at most {off:.2f} steps off"
    )
    if equal < _EQUAL or steps.max() > 1 or not off <= 1:
        return fault("reference", said, "Predictions would not be what was tested.", "Report this machine.")
    return ok("reference", said)


def answer(model: OnnxModel, mains_w: NDArray[np.uint16]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """What the window graph makes of a stretch of mains, some of its seconds: y (t, output), layers (t, channels)."""
    inputs = Encoder(model.spec.preprocessing).encode_series(mains_w.astype(np.float32))
    y, layers = model.replay(inputs)
    return y[_KEPT], np.concatenate(layers).T[_KEPT]


def trial_mains_w() -> NDArray[np.uint16]:
    """A stretch in which things go on and off, so that much of each model is at work."""
    random = np.random.default_rng(7)
    steps = random.integers(0, 2500, _SECONDS) * (random.uniform(size=_SECONDS) < 0.05)
    length = random.integers(5, 200, _SECONDS)
    mains_w = 180 + random.integers(0, 12, _SECONDS)
    for n in np.flatnonzero(steps):
        mains_w[n : n + length[n]] += steps[n]
    return np.minimum(mains_w, 12_000).astype(np.uint16)
