"""What the banner says of each state that the page can be in: the page's own function, run in the browser."""

from copy import deepcopy
from typing import Any

from playwright.sync_api import Browser

from tests.gateway.conftest import Gateway

NAMES = ("ingest", "infer", "persist", "gateway", "sync", "announce")
WELL: dict[str, Any] = {
    "safe_mode": None,
    "clock_synchronised": True,
    "services": [
        *({"name": name, "kind": "service", "up": True, "said": "", "why": None} for name in NAMES),
        {"name": "snapshot", "kind": "timer", "up": True, "said": None, "why": None},
        *({"name": name, "kind": "server", "up": True, "why": None} for name in ("mosquitto", "redis", "influxdb")),
    ],
    "buildings": {"home": {"missing_s": 0, "gaps": [], "meters": [{"building": "home", "why": "", "topic": "a/b"}]}},
    "storage": {"disk_free_mb": 9000, "reserve_mb": 150, "spool_mb": 0.0, "spool_max_mb": 1000, "influx_stuck": False,
                "rejected_batches": 0, "why": None},
    "sync": {"lag_s": 1.0, "backlog_s": 0, "second_edge": False},
    "models": [{"id": "ten", "state": "ok"}],
    "backfill": {"state": "idle"},
}  # fmt: skip


def box(**changes: Any) -> dict[str, Any]:
    """A box where all is well but for `changes`; those named like a service or server are its `up`."""
    found = deepcopy(WELL)
    for name, value in changes.items():
        if name == "clock":
            found["clock_synchronised"] = value
            continue
        said = {"up": value} if isinstance(value, bool | None) else value
        if isinstance(said, dict) and said.keys() <= {"up", "said", "why"}:
            next(one for one in found["services"] if one["name"] == name).update(said)
        elif isinstance(value, dict):
            found[name] = {**found[name], **value}
        else:
            found[name] = value
    return found


def home(**changes: Any) -> dict[str, Any]:
    return {"home": {**WELL["buildings"]["home"], **changes}}


ODD_METER = {"building": "home", "why": "its message is no JSON", "topic": "a/b"}
CASES: list[tuple[str, float | None, dict[str, Any] | None, list[tuple[str, str]], str]] = [
    ("live", 1, box(), [], ""),
    ("live", 1, None, [], ""),
    ("starting", None, box(), [], ""),
    ("lost", 40, box(ingest=False), [("lost", "bad")], "lost its connection"),
    ("redis", 40, None, [("redis", "bad")], "Redis, which keeps the last hour"),
    ("redis", 40, box(redis=False, ingest=None, infer=None, persist=None), [("redis", "bad")], "restart redis-server"),
    ("stale", 300, box(), [("silent", "bad")], "No sample for 5 min"),
    ("stale", 300, None, [("silent", "bad")], "Is the meter switched on"),
    ("stale", 40, box(mosquitto=False), [("mosquitto", "bad")], "MQTT broker does not answer"),
    ("stale", 40, box(mosquitto=False, ingest=False), [("mosquitto", "bad"), ("ingest", "bad")], "restart mosquitto"),
    ("stale", 40, box(ingest=False), [("ingest", "bad")], "nilm-ingest"),
    ("stale", 40, box(buildings=home(meters=[ODD_METER])), [("meter", "bad")], "its message is no JSON"),
    ("stale", 40, box(buildings={"home": None}), [("silent", "bad")], "No sample"),
    ("waiting", None, box(), [], ""),
    ("waiting", None, box(mosquitto=False), [("mosquitto", "bad")], "no reading arrives"),
    ("unsplit", 9, box(), [("unsplit", "bad")], "nothing has split it"),
    ("unsplit", 9, box(infer=False), [("infer", "bad")], "restart nilm-infer"),
    ("unsplit", 9, box(models=[]), [("models", "bad")], "No model serves"),
    ("unsplit", 9, box(safe_mode="a file", infer=False, sync=False, snapshot=False), [("safe", "warn")], "safe mode"),
    ("live", 1, box(influxdb=False), [("influxdb", "bad")], "history is not shown"),
    ("live", 1, box(persist=False), [("persist", "bad")], "restart nilm-persist"),
    ("live", 1, box(persist={"said": "SILENT LOSS: it is gone"}), [("loss", "bad")], "confirms what it does not store"),
    ("live", 1, box(storage={"influx_stuck": True}), [("stuck", "bad")], "refuses every write"),
    ("live", 1, box(storage={"disk_free_mb": 149}), [("full", "bad")], "149 MB are free"),
    ("live", 1, box(storage={"disk_free_mb": 299}), [("nearlyFull", "warn")], "nearly full"),
    ("live", 1, box(storage={"disk_free_mb": None, "why": "it is gone"}), [("noDisk", "warn")], "it is gone"),
    ("live", 1, box(storage={"spool_mb": 900}), [("spool", "bad")], "900 MB of 1000 MB"),
    ("live", 1, box(storage={"rejected_batches": 1}), [("rejected", "warn")], "1 batch for good"),
    ("live", 1, box(storage={"rejected_batches": None, "spool_mb": None}), [], ""),
    ("live", 1, box(models=[*WELL["models"], {"id": "b", "state": "disabled", "reason": "odd"}]),
     [("model", "warn")], "The model b is off: odd."),
    ("live", 1, box(sync={"second_edge": True}), [("rival", "bad")], "Another box writes"),
    ("live", 1, box(sync={"lag_s": 7300}), [("late", "warn")], "lacks the newest 2 h"),
    ("live", 1, {**box(), "sync": None}, [], ""),
    ("live", 1, box(announce=False), [("announce", "warn")], "Home Assistant"),
    ("live", 1, box(snapshot={"up": False, "why": "it ran 5 h ago"}), [("snapshot", "warn")], "it ran 5 h ago"),
    ("live", 1, box(snapshot=None), [], ""),
    ("live", 1, box(buildings=home(missing_s=61, gaps=[{"reason": "meter silent"}])),
     [("missing", "warn")], "(meter silent)"),
    ("live", 1, box(backfill={"state": "failed", "why": "no InfluxDB"}), [("backfill", "warn")], "no InfluxDB"),
    ("live", 1, box(clock=False), [("clock", "info")], ""),
    ("live", 1, box(clock=False, announce=False, influxdb=False),
     [("influxdb", "bad"), ("announce", "warn"), ("clock", "info")], "InfluxDB"),
]  # fmt: skip


def test_each_state_has_its_words_and_what_to_do(browser: Browser, gateway: Gateway) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{gateway.url}/docs")
    states = [
        {"vitals": {"name": name, "age_s": age_s}, "system": system, "building": "home"}
        for name, age_s, system, _, _ in CASES
    ]
    found: Any = page.evaluate(
        """(states) => import('/assets/js/diagnosis.js').then(({ diagnoses, diagnosis }) =>
             states.map((state) => [diagnoses(state), diagnosis(state)]))""",
        states,
    )
    context.close()
    for case, (all_of_it, worst) in zip(CASES, found, strict=True):
        name, _, system, wanted, words = case
        assert [(one["id"], one["severity"]) for one in all_of_it] == wanted, (name, system)
        assert (worst is None) == (not [one for one in wanted if one[1] != "info"]), name
        if words:
            assert words in f"{worst['text']} {worst['todo']}", (name, worst)
        for one in all_of_it:
            assert one["text"].endswith("."), one
            assert one["todo"], one
            assert not {"undefined", "null", "NaN"} & set(f"{one['text']} {one['todo']}".replace(".", " ").split()), one
