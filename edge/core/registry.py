"""The model registry: which models there are and every constant that serving them needs."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge.core.sample import WINDOW_S
from edge.errors import ModelError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KINDS = ("level", "change", "rise")


@dataclass(frozen=True, slots=True)
class Feature:
    """One input of the network: round((sign * signal - offset_w) / step_w), clipped to 0..255.

    The signal is the mains (`level`), the mains less its value `lag_s` ago (`change`), or the mains less its least
    value of the last `memory_s` seconds (`rise`).
    """

    kind: str
    lag_s: int
    sign: int
    offset_w: float
    step_w: float


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How mains become inputs; a gap of up to `max_fill_s` seconds holds the last value, a longer one starts anew."""

    max_fill_s: int
    memory_s: int
    features: tuple[Feature, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """The shape of the ring: one causal convolution of `kernel` taps per dilation, all of `channels` channels."""

    channels: int
    kernel: int
    dilations_s: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Appliance:
    """One appliance's constants.

    p_on = sigmoid(p_gain * logit + p_offset) (Platt 1999), and 0 where the power head says less than `least_w`, which
    it draws at least; the power heads count in `power_scale_w`; the interval's half-widths are stretched by
    `interval_gain` (split conformal) and end at 0 W where p_on leaves `interval_tail`.
    While on with p_on under `certain_p` it is said to draw as much less: a doubtful run costs less if it is none.
    While off it is said to draw `standby_w`, which nobody can see in the mains: the median of where it was fitted.
    """

    name: str
    on_threshold_w: float
    power_scale_w: float
    p_gain: float
    p_offset: float
    on_level: float
    off_level: float
    min_on_s: int
    min_off_s: int
    interval_gain: float
    interval_tail: float
    certain_p: float
    standby_w: float
    least_w: float


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file in the models folder, by relative path, and the SHA-256 of its bytes."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One registry entry."""

    id: str
    version: str
    step: Artifact
    window: Artifact
    history_s: int
    preprocessing: Preprocessing
    network: Network
    appliances: tuple[Appliance, ...]
    metrics: Mapping[str, object]
    training: Mapping[str, object]

    @property
    def name(self) -> str:
        """The model as predictions name it: id-version."""
        return f"{self.id}-{self.version}"


@dataclass(frozen=True, slots=True)
class DisabledModel:
    """A model that does not serve, and the sentence that says why."""

    id: str
    version: str
    reason: str


def parse_registry(text: str) -> tuple[list[ModelSpec], list[DisabledModel]]:
    """Parse registry.json; a wrong entry is disabled, alone. ModelError where the text is no registry at all."""
    try:
        entries = _fields(json.loads(text), "registry.json", ("models",))["models"]
    except ValueError as error:
        raise ModelError(f"registry.json is not JSON: {error}") from error
    if not isinstance(entries, list):
        raise ModelError("registry.json: models is not a list")
    specs: list[ModelSpec] = []
    disabled: list[DisabledModel] = []
    for position, entry in enumerate(entries):
        try:
            spec = _model(entry, position)
            _refuse_overlap(spec, specs)
            specs.append(spec)
        except ModelError as error:
            known = entry if isinstance(entry, dict) else {}
            disabled.append(DisabledModel(str(known.get("id", "?")), str(known.get("version", "?")), str(error)))
    return specs, disabled


def _refuse_overlap(spec: ModelSpec, earlier: Sequence[ModelSpec]) -> None:
    for other in earlier:
        for appliance in spec.appliances:
            if appliance.name in {a.name for a in other.appliances}:
                raise ModelError(f"{spec.name}: {appliance.name} is already served by {other.name}")


def _model(entry: object, position: int) -> ModelSpec:
    unnamed = f"model {position}"
    keys = tuple(ModelSpec.__dataclass_fields__)
    names = tuple(k for k in keys if k not in ("step", "window"))
    given = _fields(entry, unnamed, (*names, "artifacts"))
    model_id, version = _name(given["id"], f"{unnamed}: id"), _name(given["version"], f"{unnamed}: version")
    at = f"{model_id}-{version}"
    artifacts = _fields(given["artifacts"], f"{at}: artifacts", ("step", "window"))
    network, preprocessing = _network(given["network"], at), _preprocessing(given["preprocessing"], at)
    history_s = _integer(given["history_s"], f"{at}: history_s", 1, WINDOW_S)
    needed_s = (network.kernel - 1) * sum(network.dilations_s) + preprocessing.memory_s
    if history_s < needed_s:
        raise ModelError(f"{at}: history_s is {history_s}, but the network looks back {needed_s} s")
    appliances = tuple(_appliance(a, at) for a in _items(given["appliances"], f"{at}: appliances"))
    if len({a.name for a in appliances}) != len(appliances):
        raise ModelError(f"{at}: appliances name one twice")
    return ModelSpec(
        model_id,
        version,
        _artifact(artifacts["step"], f"{at}: artifacts.step"),
        _artifact(artifacts["window"], f"{at}: artifacts.window"),
        history_s,
        preprocessing,
        network,
        appliances,
        _mapping(given["metrics"], f"{at}: metrics"),
        _mapping(given["training"], f"{at}: training"),
    )


def _network(entry: object, at: str) -> Network:
    given = _fields(entry, f"{at}: network", tuple(Network.__dataclass_fields__))
    dilations = _items(given["dilations_s"], f"{at}: network.dilations_s")
    return Network(
        _integer(given["channels"], f"{at}: network.channels", 1, 1024),
        _integer(given["kernel"], f"{at}: network.kernel", 2, 16),
        tuple(_integer(d, f"{at}: network.dilations_s", 1, WINDOW_S) for d in dilations),
    )


def _preprocessing(entry: object, at: str) -> Preprocessing:
    given = _fields(entry, f"{at}: preprocessing", tuple(Preprocessing.__dataclass_fields__))
    memory_s = _integer(given["memory_s"], f"{at}: preprocessing.memory_s", 1, WINDOW_S)
    items = _items(given["features"], f"{at}: preprocessing.features")
    return Preprocessing(
        _integer(given["max_fill_s"], f"{at}: preprocessing.max_fill_s", 0, WINDOW_S),
        memory_s,
        tuple(_feature(item, f"{at}: preprocessing.features[{n}]", memory_s) for n, item in enumerate(items)),
    )


def _feature(entry: object, at: str, memory_s: int) -> Feature:
    given = _fields(entry, at, tuple(Feature.__dataclass_fields__))
    if given["kind"] not in _KINDS:
        raise ModelError(f"{at}.kind is {given['kind']!r}, not one of {', '.join(_KINDS)}")
    if given["sign"] not in (-1, 1):
        raise ModelError(f"{at}.sign is {given['sign']!r}, not 1 or -1")
    return Feature(
        str(given["kind"]),
        _integer(given["lag_s"], f"{at}.lag_s", 0, memory_s - 1),
        _integer(given["sign"], f"{at}.sign", -1, 1),
        _number(given["offset_w"], f"{at}.offset_w", -1e6, 1e6),
        _number(given["step_w"], f"{at}.step_w", 1e-3, 1e6),
    )


def _appliance(entry: object, at: str) -> Appliance:
    given = _fields(entry, f"{at}: appliances", tuple(Appliance.__dataclass_fields__))
    name = _name(given["name"], f"{at}: appliances.name")
    at = f"{at}: {name}"
    return Appliance(
        name,
        on_threshold_w := _number(given["on_threshold_w"], f"{at}.on_threshold_w", 0, 1e6),
        _number(given["power_scale_w"], f"{at}.power_scale_w", 1e-3, 1e6),
        _number(given["p_gain"], f"{at}.p_gain", 1e-6, 1e3),
        _number(given["p_offset"], f"{at}.p_offset", -1e3, 1e3),
        on_level := _number(given["on_level"], f"{at}.on_level", 0, 1),
        _number(given["off_level"], f"{at}.off_level", 0, on_level),
        _integer(given["min_on_s"], f"{at}.min_on_s", 0, WINDOW_S - 1),
        _integer(given["min_off_s"], f"{at}.min_off_s", 0, WINDOW_S - 1),
        _number(given["interval_gain"], f"{at}.interval_gain", 0, 1e3),
        _number(given["interval_tail"], f"{at}.interval_tail", 0, 0.5),
        _number(given["certain_p"], f"{at}.certain_p", 1e-3, 1),
        _number(given["standby_w"], f"{at}.standby_w", 0, on_threshold_w),
        _number(given["least_w"], f"{at}.least_w", 0, 1e6),
    )


def _artifact(entry: object, at: str) -> Artifact:
    given = _fields(entry, at, ("path", "sha256"))
    path, sha256 = given["path"], given["sha256"]
    if not isinstance(path, str) or not path or "\0" in path:
        raise ModelError(f"{at}.path is {path!r}, not a file name")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise ModelError(f"{at}.sha256 is not 64 hexadecimal digits")
    return Artifact(path, sha256)


def _fields(value: object, at: str, names: tuple[str, ...]) -> dict[str, object]:
    given = _mapping(value, at)
    for name in names:
        if name not in given:
            raise ModelError(f"{at}: {name} is missing")
    for name in given:
        if name not in names:
            raise ModelError(f"{at}: {name} is not known")
    return given


def _mapping(value: object, at: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ModelError(f"{at} is not an object")
    return value


def _items(value: object, at: str) -> list[object]:
    if not isinstance(value, list) or not value:
        raise ModelError(f"{at} is not a list of at least one")
    return value


def _name(value: object, at: str) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ModelError(f"{at} is {str(value)[:80]!r}, not 1-64 of A-Z a-z 0-9 _ .")
    return value


def _number(value: object, at: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ModelError(f"{at} is {value!r}, not a number")
    if not low <= value <= high:
        raise ModelError(f"{at} is {value}, not within {low:g}..{high:g}")
    return float(value)


def _integer(value: object, at: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ModelError(f"{at} is {value!r}, not a whole number")
    return int(_number(value, at, low, high))
