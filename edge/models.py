"""The models on this machine: which there are, and whether each can be trusted."""

from pathlib import Path
from typing import Any

import numpy as np

from edge.adapters.onnx_model import OnnxModel, load_models
from edge.core.choice import Chosen
from edge.core.disaggregator import Disaggregator, Model
from edge.core.registry import DisabledModel
from edge.models_folder import SHIPPED_DIR as SHIPPED_DIR  # noqa: PLC0414 - part of what this module tells
from edge.models_folder import chosen
from edge.models_folder import models_dir as models_dir  # noqa: PLC0414
from edge.settings import Config

_TRIAL_S = 600
_START_MS = 1_767_571_200_000


def load_chosen(config: Config) -> tuple[list[Model], list[DisabledModel]]:
    """The configured folder's models, silent about what the home has not. ConfigError as `chosen`."""
    models, disabled = load_models(models_dir(config))
    names = chosen(config)
    if not names:
        return list(models), disabled
    found = [Chosen(model, names) for model in models]
    return [model for model in found if model.spec.appliances], disabled


def describe(folder: Path, *, verify: bool = False) -> list[dict[str, Any]]:
    """Each model of `folder` with its state, `ok` or `disabled` with the reason; `verify` also runs both graphs."""
    models, disabled = load_models(folder)
    found = []
    for model in models:
        why = difference(model) if verify else ""
        found.append({**describe_loaded(model), **({"state": "disabled", "reason": why} if why else {})})
    return found + [describe_disabled(model) for model in disabled]


def describe_loaded(model: Model) -> dict[str, Any]:
    """What a model that serves says of itself."""
    spec = model.spec
    return {
        "id": spec.id,
        "version": spec.version,
        "state": "ok",
        "appliances": [appliance.name for appliance in spec.appliances],
        "sha256": spec.step.sha256,
        "metrics": spec.metrics,
    }


def describe_disabled(model: DisabledModel) -> dict[str, Any]:
    """What is said of a model that does not serve."""
    return {
        "id": model.id,
        "version": model.version,
        "state": "disabled",
        "appliances": [],
        "sha256": None,
        "metrics": {},
        "reason": model.reason,
    }


def as_text(found: list[dict[str, Any]]) -> str:
    """`describe`'s answer, a line a model."""
    lines = []
    for model in found:
        what = f"off: {model['reason']}" if model["state"] == "disabled" else f"ok, {', '.join(model['appliances'])}"
        lines.append(f"{model['id']}-{model['version']}: {what}")
    return "\n".join(lines) or "no model"


def difference(model: OnnxModel) -> str:
    """Why the step and the window graph disagree on ten minutes of random mains; empty where they do not."""
    mains_w = np.random.default_rng(1).uniform(0, 6000, _TRIAL_S).round()
    at_ms = _START_MS + 1000 * np.arange(_TRIAL_S)
    (window,) = Disaggregator([model]).score(at_ms, mains_w)
    one = Disaggregator([model])
    for n in range(_TRIAL_S):
        step = one.predict("trial", int(at_ms[n]), float(mains_w[n]))
        if not np.array_equal(step.values, window.values[n]):
            return f"its step and window graphs disagree at second {n}"
    return ""
