"""ONNX models: loads what the registry names, checks it, and runs it with onnxruntime on one thread."""

import hashlib
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # or it tells its maker what runs here, and keeps a device id for that
import onnxruntime

from edge.adapters.onnx_weights import broken_constant
from edge.core.physics import HEADS
from edge.core.registry import Artifact, DisabledModel, ModelSpec, parse_registry
from edge.errors import ModelError

_TRIAL_S = 8


class OnnxModel:
    """A model ready to serve: the step and the window graph of one network."""

    def __init__(self, spec: ModelSpec, step: bytes, window: bytes) -> None:
        self.spec = spec
        self.id, self.version = spec.id, spec.version
        self._step = _session(step, f"{spec.name}: step")
        self._window = _session(window, f"{spec.name}: window")
        self._layers = [f"layer{n}" for n in range(len(spec.network.dilations_s))]
        self._try()

    def step(self, x: NDArray[np.uint8], taps: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """One second of n buildings: x (n, feature), taps (n, layer*(k-1)*channel) -> y (n, output), activations."""
        y, activations = self._step.run(("y", "activations"), {"x": x, "taps": taps})
        return y, activations

    def window(self, x: NDArray[np.uint8]) -> NDArray[np.float32]:
        """t seconds of one building from empty history: x (t, feature) -> y (t, output)."""
        (y,) = self._window.run(("y",), {"x": np.ascontiguousarray(x.T)[None]})
        outputs: NDArray[np.float32] = y[0].T
        return outputs

    def replay(self, x: NDArray[np.uint8]) -> tuple[NDArray[np.float32], list[NDArray[np.uint8]]]:
        """`window`, and each layer's inputs, uint8 (channel, t)."""
        y, *layers = self._window.run(("y", *self._layers), {"x": np.ascontiguousarray(x.T)[None]})
        return y[0].T, [layer[0] for layer in layers]

    def _try(self) -> None:
        """Run both graphs once; ModelError where they do not fit the registry or put out what is no number."""
        spec, network = self.spec, self.spec.network
        outputs = HEADS * len(spec.appliances)
        x = (
            np.linspace(0, 255, _TRIAL_S)
            .astype(np.uint8)
            .repeat(len(spec.preprocessing.features))
            .reshape(_TRIAL_S, -1)
        )
        kind = np.float32 if self._step.get_inputs()[1].type == "tensor(float)" else np.uint8  # an fp32 twin
        taps = np.zeros((_TRIAL_S, len(self._layers) * (network.kernel - 1) * network.channels), kind)
        try:
            stepped, activations = self.step(x, taps)
            windowed, layers = self.replay(x)
        except Exception as error:  # onnxruntime raises classes of its own without a common base
            raise ModelError(f"{spec.name}: shapes do not fit the registry: {_brief(error)}") from error
        shapes = (stepped.shape, activations.shape, windowed.shape, {layer.shape for layer in layers})
        width = len(self._layers) * network.channels
        if shapes != (
            (_TRIAL_S, outputs),
            (_TRIAL_S, width),
            (_TRIAL_S, outputs),
            {(network.channels, _TRIAL_S)},
        ):
            raise ModelError(f"{spec.name}: the graphs' outputs do not have the shapes that the registry promises")
        if not (np.isfinite(stepped).all() and np.isfinite(windowed).all()):
            raise ModelError(f"{spec.name}: weights are not numbers: the graphs put out NaN")


def load_models(folder: Path) -> tuple[list[OnnxModel], list[DisabledModel]]:
    """Load every model of `folder`/registry.json; one that cannot be trusted is disabled with its reason."""
    try:
        specs, disabled = parse_registry((folder / "registry.json").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ModelError) as error:
        return [], [DisabledModel("registry", "?", f"registry.json cannot be used: {error}")]
    models: list[OnnxModel] = []
    for spec in specs:
        try:
            step, window = (_read(folder, artifact, spec.name) for artifact in (spec.step, spec.window))
            models.append(OnnxModel(spec, step, window))
        except ModelError as error:
            disabled.append(DisabledModel(spec.id, spec.version, str(error)))
    return models, disabled


def _read(folder: Path, artifact: Artifact, name: str) -> bytes:
    """The artifact's bytes, which are the ones that are run: they are hashed here and not read again."""
    try:
        path = (folder / artifact.path).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise ModelError(f"{name}: {artifact.path} lies outside the models folder")
        content = path.read_bytes()
    except (OSError, RuntimeError) as error:
        raise ModelError(f"{name}: {artifact.path} cannot be read: {error}") from error
    if hashlib.sha256(content).hexdigest() != artifact.sha256:
        raise ModelError(f"{name}: {artifact.path} does not have the sha256 of the registry")
    return content


def _session(content: bytes, at: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        broken = broken_constant(content)
    except Exception as error:  # onnxruntime raises classes of its own without a common base
        raise ModelError(f"{at} graph cannot be loaded: {_brief(error)}") from error
    if broken is not None:
        raise ModelError(f"{at} graph has a weight that is no number: {broken}")
    return session


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
