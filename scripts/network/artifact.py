"""A models folder: both graphs of a network and its registry.json."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from edge.adapters.onnx_model import OnnxModel, load_models
from edge.core.registry import Appliance
from edge.errors import ModelError
from network.graphs import Plan, build
from network.recipe import Target

Facts = Mapping[str, object]


def uncalibrated(targets: Sequence[Target]) -> tuple[Appliance, ...]:
    """The appliances before anything was fitted."""
    return tuple(
        Appliance(
            **asdict(target),
            p_gain=1.0,
            p_offset=0.0,
            on_level=0.5,
            off_level=0.4,
            interval_gain=1.0,
            interval_tail=0.05,
            certain_p=0.5,
            standby_w=0.0,
            least_w=0.0,
        )
        for target in targets
    )


def write(
    folder: Path, plan: Plan, facts: Facts, appliances: Sequence[Appliance], metrics: Facts, *, quantized: bool
) -> OnnxModel:
    """Write a models folder with this one model and load it back. ModelError where it does not serve."""
    folder.mkdir(parents=True, exist_ok=True)
    artifacts = {}
    for kind in ("step", "window"):
        content = build(plan, step=kind == "step", quantized=quantized)
        name = f"{facts['id']}-{facts['version']}-{kind}.onnx"
        (folder / name).write_bytes(content)
        artifacts[kind] = {"path": name, "sha256": hashlib.sha256(content).hexdigest()}
    rows = [{k: v if isinstance(v, str) else round(v, 5) for k, v in asdict(a).items()} for a in appliances]
    entry = {**facts, "appliances": rows, "metrics": metrics, "artifacts": artifacts}
    (folder / "registry.json").write_text(json.dumps({"models": [entry]}, indent=1) + "\n", encoding="utf-8")
    models, disabled = load_models(folder)
    if disabled:
        raise ModelError(disabled[0].reason)
    return models[0]
