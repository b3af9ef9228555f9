"""Checks of what flows: samples each second, their predictions, the services, and what waits to be stored."""

from collections.abc import Iterator
from pathlib import Path

from edge import __version__
from edge.adapters.streams import Streams
from edge.core.sample import WINDOW_S
from edge.core.vitals import heartbeat_age_s, is_up
from edge.doctor.finding import Finding, Look, fault, ok, warning
from edge.doctor.servers import TIMEOUT_S
from edge.errors import Unavailable
from edge.safe_mode import ACTIVE, why_safe
from edge.system import wanted_services

_STALE_S, _BEHIND_S = 10.0, 10.0
_MINUTE_S = 60
_FEW = 0.95
_OUTBOX_S = 600
_Found = Iterator[Finding]


def safe_mode(look: Look) -> _Found:
    """Whether the appliance only stores and shows."""
    if why := why_safe(look.config, look.root):
        means = "What is stored can be seen and fetched. Nothing is taken in: the broker keeps what the meter sends."
        yield warning("safe mode", why, means, "When you are done, leave it: docs/operations.md, Safe mode.")


def services(look: Look) -> _Found:
    """Whether each service beats, in the version of this command."""
    config = look.config
    if look.redis_is_away:
        yield warning("services", "not known while Redis is away", "They tell it how they are.", "Start Redis first.")
        return
    wanted = ACTIVE if why_safe(config, look.root) else wanted_services(config, look.services, look.now_ms)
    log = "Its log says why: journalctl -u nilm-{0}, or log/{0}.log in the folder of nilm-edge run."
    for name in wanted:
        said = look.services.get(name, {})
        age_s = heartbeat_age_s(said, look.now_ms)
        if age_s is None:
            means = "It has never run here, or Redis was emptied."
            yield fault(f"nilm-{name}", "has not said anything yet", means, "Start it. " + log.format(name))
        elif not is_up(said, look.now_ms):
            means = "It is stopped, or hangs. Nothing is lost; it catches up once it runs."
            yield fault(f"nilm-{name}", f"silent for {age_s:.0f} s", means, log.format(name))
        elif said.get("version") != __version__:
            means = f"It still is version {said.get('version')}, and this command is {__version__}."
            yield warning(f"nilm-{name}", "is of another version", means, "Restart it: it was upgraded while it ran.")
        else:
            yield ok(f"nilm-{name}", str(said.get("status", "")) or "alive")


def samples(look: Look) -> _Found:
    """Whether each building gets a sample a second, and its predictions."""
    buildings = sorted({meter.building for meter in look.config.meters})
    if not buildings:
        means = "There is nothing to store."
        yield fault("samples", "no meter is configured", means, "nilm-edge setup finds it at the broker.")
    streams = Streams.connect(look.config.redis.url, timeout_s=TIMEOUT_S)
    safe = bool(why_safe(look.config, look.root))
    for building in [] if safe else buildings:
        try:
            yield _flow(look, streams, building)
        except Unavailable as error:
            means = "The last hour is in Redis."
            yield fault(f"samples of {building}", f"cannot be looked at: {error}", means, "Start Redis first.")


def _flow(look: Look, streams: Streams, building: str) -> Finding:
    name = f"samples of {building}"
    length = streams.length(building, "window")
    readings = streams.readings(building, _MINUTE_S)
    if not readings:
        means = f"No message of the meter has become a sample. nilm-ingest says: {_ingest(look)}"
        do = "nilm-edge meters listen --all shows what arrives at the broker; nilm-edge setup writes it down."
        return fault(name, "none has come yet", means, do)
    age_s = (look.now_ms - readings[-1][0]) / 1000
    if age_s > _STALE_S:
        means = f"The meter is silent, or not heard. nilm-ingest says: {_ingest(look)}"
        do = "Look at the meter, its network, and topic in [[meters]]; nilm-edge meters listen shows what arrives."
        return fault(name, f"none for {age_s:.0f} s", means, do)
    since_ms = readings[-1][0] - (_MINUTE_S - 1) * 1000
    there = sum(1 for at_ms, _, _ in readings if at_ms >= since_ms)
    if there < min(length, _MINUTE_S) * _FEW:
        means = "Seconds are missing: the meter sends seldom, or its messages get lost."
        do = "nilm-edge gaps says which and why. For a slow meter set hold_s to its interval; docs/meters.md."
        return warning(name, f"{there} of the last {_MINUTE_S} s", means, do)
    predicted_ms = streams.newest_ms(building, "predictions") or 0
    if (behind_s := (readings[-1][0] - predicted_ms) / 1000) > _BEHIND_S:
        behind = f"{behind_s:.0f} s behind" if predicted_ms else "none yet"
        means = "Samples come, and their appliances are not told apart."
        return fault(f"predictions of {building}", behind, means, "Look at nilm-infer: its status, its log, its load.")
    return ok(name, f"one a second, newest {max(age_s, 0):.1f} s old, window {length}/{WINDOW_S}")


def _ingest(look: Look) -> str:
    return str(look.services.get("ingest", {}).get("status", "nothing"))


def backlog(look: Look) -> _Found:
    """What waits to be stored, and what was dropped or refused."""
    persist = look.services.get("persist", {})
    means = "It is stored by itself once InfluxDB takes it; nothing is lost until the limits are reached."
    do = "Look at InfluxDB's disk, its log, and whether it keeps up."
    quiet = True
    streams = Streams.connect(look.config.redis.url, timeout_s=TIMEOUT_S)
    try:
        for building in streams.buildings():
            waiting, counted = streams.length(building, "outbox"), streams.counters(building)
            if waiting > _OUTBOX_S * 2:
                yield warning("backlog", f"{building}: {waiting} entries wait in Redis", means, do)
                quiet = False
            if dropped := counted.get("dropped", 0) + counted.get("spool_dropped", 0):
                lost = "Seconds were lost for good while InfluxDB was away for too long."
                yield warning("backlog", f"{building}: {dropped} entries were dropped once", lost, "nilm-edge gaps")
                quiet = False
    except Unavailable as error:
        yield warning("backlog", f"cannot be looked at: {error}", "The outbox is in Redis.", "Start Redis first.")
        quiet = False
    if persist.get("influx_stuck"):
        stuck = "InfluxDB answers each write with an error though there is room, as it does after its disk was full."
        yield fault("backlog", "InfluxDB is stuck", stuck, "sudo systemctl restart influxdb")
        quiet = False
    data_dir = Path(look.config.data_dir)
    for folder, what, told in (
        ("spool", "half hours wait in files", means),
        ("rejected", "batches that InfluxDB refused for good are set aside", "Their points are not in the history."),
    ):
        try:
            count = sum(1 for file in (data_dir / folder).iterdir() if file.is_file())
        except OSError:
            continue
        if count:
            more = do if folder == "spool" else f"Look into {data_dir / folder}; report it if the reason is not yours."
            yield warning("backlog", f"{count} {what}", told, more)
            quiet = False
    if quiet:
        yield ok("backlog", "nothing waits for longer than it takes")
