import copy
import json
from typing import Any

import pytest

from edge.core.registry import parse_registry
from edge.errors import ModelError

APPLIANCE: dict[str, Any] = {
    "name": "Kettle",
    "on_threshold_w": 1000,
    "power_scale_w": 2000.0,
    "p_gain": 1.0,
    "p_offset": 0.0,
    "on_level": 0.5,
    "off_level": 0.4,
    "min_on_s": 2,
    "min_off_s": 2,
    "interval_gain": 1.0,
    "interval_tail": 0.05,
    "certain_p": 0.5,
    "least_w": 0,
    "standby_w": 1.5,
}
ENTRY: dict[str, Any] = {
    "id": "one",
    "version": "1",
    "artifacts": {"step": {"path": "s.onnx", "sha256": "0" * 64}, "window": {"path": "w.onnx", "sha256": "1" * 64}},
    "history_s": 16,
    "preprocessing": {
        "max_fill_s": 5,
        "memory_s": 10,
        "features": [{"kind": "level", "lag_s": 0, "sign": 1, "offset_w": 0.0, "step_w": 4.0}],
    },
    "network": {"channels": 8, "kernel": 3, "dilations_s": [1, 2]},
    "appliances": [APPLIANCE],
    "metrics": {},
    "training": {},
}


def _with(path: str, value: Any) -> dict[str, Any]:
    entry: Any = copy.deepcopy(ENTRY)
    *folders, last = path.split(".")
    place = entry
    for folder in folders:
        place = place[int(folder)] if folder.isdigit() else place[folder]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return entry  # type: ignore[no-any-return]


def _text(*entries: dict[str, Any]) -> str:
    return json.dumps({"models": list(entries)})


def test_an_entry_becomes_a_spec() -> None:
    (spec,), disabled = parse_registry(_text(ENTRY))
    assert disabled == []
    assert spec.name == "one-1"
    assert spec.window.path == "w.onnx"
    assert spec.network.dilations_s == (1, 2)
    assert spec.preprocessing.features[0].step_w == 4.0
    assert spec.appliances[0].on_threshold_w == 1000.0


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("version", ..., "version is missing"),
        ("colour", "red", "colour is not known"),
        ("id", "../x", "id is"),
        ("artifacts.step.sha256", "abc", "artifacts.step.sha256"),
        ("artifacts.window.path", ..., "path is missing"),
        ("artifacts.window.path", "", "artifacts.window.path"),
        ("history_s", 3601, "history_s is 3601"),
        ("history_s", 15, "looks back 16 s"),
        ("history_s", True, "history_s"),
        ("preprocessing.memory_s", 0, "memory_s"),
        ("preprocessing.features", [], "features is not a list"),
        ("preprocessing.features.0.kind", "mean", "kind is 'mean'"),
        ("preprocessing.features.0.step_w", 0, "step_w"),
        ("preprocessing.features.0.lag_s", 10, "lag_s is 10"),
        ("preprocessing.features.0.sign", 0, "sign is 0"),
        ("network.kernel", 1, "kernel"),
        ("network.dilations_s", "all", "dilations_s is not a list"),
        ("appliances.0.p_gain", "big", "Kettle.p_gain"),
        ("appliances.0.on_level", 1.5, "Kettle.on_level"),
        ("appliances.0.off_level", 0.6, "Kettle.off_level is 0.6"),
        ("appliances.0.min_off_s", 3600, "Kettle.min_off_s"),
        ("appliances.0.min_on_s", 1.5, "Kettle.min_on_s"),
        ("appliances.0.interval_gain", ..., "interval_gain is missing"),
        ("metrics", [], "metrics is not an object"),
    ],
)
def test_a_wrong_entry_is_disabled_and_says_where(path: str, value: Any, says: str) -> None:
    other = _with("id", "other")
    other["appliances"][0]["name"] = "Oven"
    specs, (disabled,) = parse_registry(_text(_with(path, value), other))
    assert [s.id for s in specs] == ["other"]
    assert says in disabled.reason


def test_not_a_number_is_refused() -> None:
    text = _text(ENTRY).replace('"p_offset": 0.0', '"p_offset": NaN')
    _, (disabled,) = parse_registry(text)
    assert "one-1: Kettle.p_offset is nan" in disabled.reason


def test_an_appliance_is_served_once() -> None:
    specs, (disabled,) = parse_registry(_text(ENTRY, _with("version", "2")))
    assert [s.name for s in specs] == ["one-1"]
    assert disabled.reason == "one-2: Kettle is already served by one-1"


def test_an_entry_that_is_no_object_is_disabled() -> None:
    specs, (disabled,) = parse_registry('{"models": [7]}')
    assert specs == []
    assert disabled.reason == "model 0 is not an object"


@pytest.mark.parametrize("text", ["", "[]", '{"models": {}}', '{"modles": []}', "{"])
def test_what_is_no_registry_is_an_error(text: str) -> None:
    with pytest.raises(ModelError, match=r"registry\.json"):
        parse_registry(text)
