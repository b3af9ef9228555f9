"""How the whole box is, for the page: what `nilm-edge status` knows, servers, disk and what waits; for each why not."""

import shutil
from collections.abc import Mapping
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from edge.adapters.streams import Streams
from edge.core.gaps import gaps_between, reason
from edge.core.sample import WINDOW_S
from edge.core.vitals import SERVICES, heartbeat_age_s, is_up
from edge.errors import Unavailable
from edge.settings import Config
from edge.status import building_state

SNAPSHOT_LATE_S = 9000.0
"""The timer runs each hour, and a first snapshot may take its time."""
_MOST_GAPS = 20
_MOST_FILES = 1000
_MB = 1_000_000


def from_redis(streams: Streams, known: list[str], now_ms: int) -> dict[str, Any]:
    """What the services said last, and each building: those `known`, and those that Redis has; Unavailable without."""
    said = streams.services()
    meters = said.get("ingest", {}).get("meters", [])
    names = sorted({*known, *streams.buildings()})
    return {"services": said, "buildings": {name: _building(streams, name, meters, now_ms) for name in names}}


def wanted_services(config: Config, said: Mapping[str, Any], now_ms: int) -> list[str]:
    """The services that this box should have, but in safe mode; one that runs without being asked for counts, too."""
    more = {"sync": bool(config.central.url), "announce": config.homeassistant.enabled}
    return [*SERVICES, *(name for name, on in more.items() if on or is_up(said.get(name, {}), now_ms))]


def service_states(said: Mapping[str, Any] | None, config: Config, now_ms: int) -> list[dict[str, Any]]:
    """Each service that this box should have; `said` is what they said of themselves, None where nobody can know."""
    wanted = wanted_services(config, said or {}, now_ms)
    return [_service(name, None if said is None else said.get(name, {}), now_ms) for name in wanted]


def snapshot_state(config: Config, now_ms: int) -> dict[str, Any]:
    """The snapshot, which runs each hour and leaves a catalogue."""
    try:
        ran_ms = round((Path(config.data_dir) / "snapshot.duckdb").stat().st_mtime * 1000)
    except OSError:
        return _state("snapshot", "timer", up=None, why="it has not run yet")
    late_s = (now_ms - ran_ms) / 1000
    why = f"it ran last {late_s / 3600:.1f} h ago, and should every hour" if late_s > SNAPSHOT_LATE_S else None
    return _state("snapshot", "timer", up=why is None, heard_ms=ran_ms, why=why)


def server_state(name: str, why: str | None, since_ms: int) -> dict[str, Any]:
    """A server that we asked: up unless there is a `why`, and since when it has been so."""
    return _state(name, "server", up=why is None, since_ms=since_ms, why=why)


def storage(config: Config) -> dict[str, Any]:
    """The disk of data_dir, and what was set aside there; Unavailable where it cannot be asked."""
    folder = Path(config.data_dir)
    try:
        disk = shutil.disk_usage(folder)
    except OSError as error:
        raise Unavailable(f"cannot look at {folder}: {error.strerror}") from error
    return {
        "disk_free_mb": disk.free // _MB,
        "disk_size_mb": disk.total // _MB,
        "reserve_mb": config.disk_reserve_mb,
        "rejected_batches": sum(1 for _ in islice((folder / "rejected").glob("*.lp"), _MOST_FILES)),
    }


def waiting(said: Mapping[str, Any] | None, config: Config) -> dict[str, Any]:
    """What lies in the spool, by nilm-persist's word; null where it has said nothing."""
    persist = (said or {}).get("persist", {})
    size_bytes = persist.get("spool_bytes")
    return {
        "spool_mb": None if size_bytes is None else round(size_bytes / _MB, 1),
        "spool_max_mb": config.spool_max_mb,
        "spool_segments": persist.get("spool_segments"),
        "influx_stuck": bool(persist.get("influx_stuck")),
    }


def sync_state(said: Mapping[str, Any] | None, config: Config) -> dict[str, Any] | None:
    """How far the central server is behind; None where nothing is forwarded."""
    if not config.central.url:
        return None
    sync = (said or {}).get("sync", {})
    lag_ms = sync.get("lag_ms")
    names = ("backlog_s", "hours_differing", "refused_points", "second_edge", "compared")
    return {"lag_s": None if lag_ms is None else lag_ms / 1000, **{name: sync.get(name) for name in names}}


def _service(name: str, said: Mapping[str, Any] | None, now_ms: int) -> dict[str, Any]:
    if said is None:
        return _state(name, "service", up=None, why="nobody can know while Redis is away")
    up, age_s = is_up(said, now_ms), heartbeat_age_s(said, now_ms)
    why = None if up else "it has never said anything" if age_s is None else f"it has said nothing for {age_s:.0f} s"
    lag_ms = said.get("lag_ms")
    return _state(
        name,
        "service",
        up=up,
        since_ms=said.get("started_ms") if up else said.get("beat_ms"),
        heard_ms=said.get("beat_ms"),
        lag_s=None if lag_ms is None else lag_ms / 1000,
        said=said.get("status"),
        why=why,
    )


def _state(
    name: str,
    kind: str,
    *,
    up: bool | None,
    since_ms: int | None = None,
    heard_ms: int | None = None,
    lag_s: float | None = None,
    said: str | None = None,
    why: str | None = None,
) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "up": up,
        "since_ms": since_ms,
        "heard_ms": heard_ms,
        "lag_s": lag_s,
        "said": said,
        "why": why,
    }


def _building(streams: Streams, name: str, meters: list[dict[str, Any]], now_ms: int) -> dict[str, Any]:
    state = building_state(streams, name, now_ms)
    predicted_ms = streams.newest_ms(name, "predictions")
    length, newest_s, oldest_s = state["window_length"], state["newest_age_s"], state["oldest_age_s"]
    missing_s = 0 if newest_s is None else max(0, round(oldest_s - newest_s) + 1 - length)
    return {
        "window_full": WINDOW_S,
        **state,
        "predicted_age_s": None if predicted_ms is None else (now_ms - predicted_ms) / 1000,
        "missing_s": missing_s,
        "gaps": _gaps(streams, name) if missing_s else [],
        "meters": [meter for meter in meters if meter["building"] == name],
    }


def _gaps(streams: Streams, building: str) -> list[dict[str, Any]]:
    """The newest gaps within the window, and why."""
    times = [reading[0] for reading in streams.readings(building)]
    jumps = [(at, (at - before) // 1000) for before, at in pairwise(times) if at - before > 1000]
    events = streams.events(building)
    found = gaps_between(jumps, times[0], times[-1], times[0], times[-1] + 1000) if times else []
    return [
        {
            "start_ms": gap.start_ms,
            "seconds": (gap.end_ms - gap.start_ms) // 1000,
            "reason": reason(gap, events),
        }
        for gap in found[-_MOST_GAPS:]
    ]
