"""How the appliance is: each service, each building's last hour, and whether InfluxDB has all of it."""

from datetime import UTC, datetime
from typing import Any

import numpy as np

from edge.accuracy import as_lines, summary
from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.core.sample import Flags
from edge.core.vitals import heartbeat_age_s, is_up
from edge.durability import DURABILITY
from edge.errors import NilmError
from edge.local_time import iso
from edge.safe_mode import ACTIVE, why_safe
from edge.settings import Config

_SETTLING_S = 3
"""The newest seconds may still be on their way to InfluxDB."""


def status(streams: Streams, influx: Influx, config: Config, now_ms: int, last_s: int) -> dict[str, Any]:
    """Everything a person or a monitor wants to know, as JSON; Unavailable without Redis."""
    safe = why_safe(config)
    return {
        "at": iso(now_ms),
        "safe_mode": safe,
        "services": {
            name: _service(said, now_ms)
            for name, said in streams.services().items()
            if (name != "sync" or config.central.url) and (not safe or name in ACTIVE)
        },
        "buildings": {
            name: building_state(streams, name, now_ms)
            | {"accuracy": summary(streams, name, now_ms), "check": _check(streams, influx, config, name, last_s)}
            for name in streams.buildings()
        },
    }


def live_line(streams: Streams, building: str, now_ms: int) -> str:
    """One line for a terminal: mains, top appliances, window, lag."""
    samples = streams.window(building, 1)
    tables = streams.predictions(building, 1)
    if not samples or not tables:
        return "waiting for the first sample"
    powers_w = tables[-1].values[-1]["power_w"]
    names = [column.appliance for column in tables[-1].columns]
    top = [f"{names[i]} {powers_w[i]:.0f} W" for i in np.argsort(-powers_w, kind="stable")[:3] if powers_w[i] >= 1]
    age_s = (now_ms - samples[-1].at_ms) // 1000
    lag_ms = streams.services().get("infer", {}).get("lag_ms", 0)
    clock = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone().strftime("%H:%M:%S")
    shown = f"mains {samples[-1].power_w:.0f} W" if age_s <= 5 else f"no sample for {age_s} s"
    return (
        f"{clock}  {shown}  {', '.join(top) or 'no appliance on'}  "
        f"window {streams.length(building, 'window')}/3600  lag {lag_ms} ms"
    )


def stored_up_to_ms(influx: Influx, config: Config, building: str) -> int:
    """The newest second whose predictions InfluxDB has; 0 where it has none."""
    query = "SELECT last(power_w) FROM appliance WHERE building=$building"
    found = influx.query(config.influx.bucket_pred, query, {"building": building})
    return int(found[0].values[0][0]) if found else 0


def as_text(found: dict[str, Any]) -> str:
    """What `status` found, for a person."""
    lines = [f"SAFE MODE: {found['safe_mode']}; storage and the page alone"] if found["safe_mode"] else []
    for name, said in found["services"].items():
        lines.append(f"{name:<10} {'alive' if said['alive'] else 'SILENT':<7} {said.get('status', '')}")
    for name, building in found["buildings"].items():
        check = building["check"]
        verdict = "complete" if check["complete"] else f"NOT COMPLETE: {check.get('why', 'see --json')}"
        counted = ", ".join(f"{key} {value}" for key, value in sorted(building["counters"].items()))
        lines += [
            f"\n{name}: window {building['window_length']}/3600, newest {building['newest_age_s'] or 0:.1f} s ago, "
            f"{building['outbox_length']} wait for InfluxDB",
            f"  counted: {counted}",
            f"  last {check.get('seconds', 0)} s: {check.get('samples', 0)} samples, {check.get('predictions', 0)} "
            f"predictions, {check.get('influx_samples', 0)} in InfluxDB: {verdict}",
            *(f"  {line}" for line in as_lines(building["accuracy"])),
        ]
    return "\n".join(lines) or "no service has said anything yet"


def _service(said: dict[str, Any], now_ms: int) -> dict[str, Any]:
    return {"alive": is_up(said, now_ms), "beat_age_s": heartbeat_age_s(said, now_ms), **said}


def building_state(streams: Streams, building: str, now_ms: int) -> dict[str, Any]:
    """A building's last hour, what waits to be stored, and what was counted, as JSON."""
    newest_ms, oldest_ms = streams.newest_ms(building, "window"), streams.oldest_ms(building, "window")
    return {
        "window_length": streams.length(building, "window"),
        "newest": iso(newest_ms) if newest_ms else None,
        "newest_age_s": (now_ms - newest_ms) / 1000 if newest_ms else None,
        "oldest_age_s": (now_ms - oldest_ms) / 1000 if oldest_ms else None,
        "predictions_length": streams.length(building, "predictions"),
        "outbox_length": streams.length(building, "outbox"),
        "counters": streams.counters(building),
    }


def _check(streams: Streams, influx: Influx, config: Config, building: str, last_s: int) -> dict[str, Any]:
    """The newest `last_s` seconds, settled ones: samples against predictions against InfluxDB, second by second."""
    newest_ms = streams.newest_ms(building, "predictions")
    if newest_ms is None:
        return {"complete": False, "why": "no prediction yet"}
    settling_s = _SETTLING_S + DURABILITY[config.durability].store_every_s
    end_ms = newest_ms - round(settling_s * 1000)
    start_ms = end_ms - last_s * 1000
    inside = range(start_ms + 1, end_ms + 1)
    samples = [sample for sample in streams.window(building) if sample.at_ms in inside]
    sampled = [sample.at_ms for sample in samples]
    predicted = [at_ms for table in streams.predictions(building) for at_ms in table.at_ms.tolist() if at_ms in inside]
    found = {
        "from": iso(start_ms + 1000),
        "to": iso(end_ms),
        "seconds": last_s,
        "samples": len(sampled),
        "held": sum(1 for sample in samples if sample.flags & Flags.HELD),
        "predictions": len(predicted),
        "same_seconds": sampled == predicted,
    }
    try:
        stored = _stored(influx, config, building, start_ms, end_ms)
    except NilmError as error:
        return {**found, "complete": False, "why": str(error)}
    same = all(seconds == sampled for seconds in stored.values())
    return {
        **found,
        "influx_samples": len(stored.pop("", [])),
        "influx_predictions": {appliance: len(seconds) for appliance, seconds in sorted(stored.items())},
        "complete": bool(stored) and same and sampled == predicted,
    }


def _stored(influx: Influx, config: Config, building: str, start_ms: int, end_ms: int) -> dict[str, list[int]]:
    """The seconds InfluxDB has: under "" for mains, under each appliance's name for its predictions."""
    bounds: dict[str, str | int | float] = {
        "building": building,
        "start": start_ms * 1_000_000,
        "end": end_ms * 1_000_000,
    }
    where = "WHERE building=$building AND time > $start AND time <= $end"
    mains = influx.query(config.influx.bucket_raw, f"SELECT power_w FROM mains {where}", bounds)  # noqa: S608 - constants
    query = f"SELECT power_w FROM appliance {where} GROUP BY appliance"  # noqa: S608 - constants
    series = influx.query(config.influx.bucket_pred, query, bounds)
    stored = {one.tags["appliance"]: [row[0] for row in one.values] for one in series}
    return {"": [row[0] for one in mains for row in one.values], **stored}
