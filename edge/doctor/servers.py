"""Checks of the servers: the broker and its queue, Redis and its log, InfluxDB, the central server."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edge.adapters.central import Central, NotLetIn, Secrets, host_name
from edge.adapters.files import free_bytes
from edge.adapters.influx import Influx
from edge.adapters.mqtt import try_broker
from edge.adapters.redis_log import RedisLog
from edge.adapters.streams import Streams
from edge.config import central_secrets, influx_token
from edge.doctor import mosquitto_conf
from edge.doctor.finding import Finding, Look, fault, ok, warning
from edge.durability import DURABILITY
from edge.errors import NilmError, Rejected, ServerFault, Unavailable

TIMEOUT_S = 3.0
_QUEUE = "What a meter sends while nilm-edge is stopped may be lost: at a power cut, or when it is more than the queue."
_HOUR_S = 3600
_LATE_S = 3600
_Found = Iterator[Finding]


def broker(look: Look) -> _Found:
    """Whether the broker lets us in, and what its queue keeps."""
    mqtt = look.config.mqtt
    try:
        version = try_broker(mqtt, TIMEOUT_S)
    except NilmError as error:
        yield fault(
            "broker",
            str(error),
            "No meter is heard. Redis and InfluxDB keep what they have.",
            "Start it (sudo systemctl start mosquitto), or correct [mqtt] in the configuration.",
        )
        return
    yield ok("broker", f"{version or 'an MQTT broker'} at {mqtt.host}:{mqtt.port} lets us in")
    yield _queue(look)


def _queue(look: Look) -> Finding:
    file = _mosquitto_file(look)
    if file is None:
        return ok("broker's queue", "it is on another machine: give it what nilm-edge config --for mosquitto prints")
    try:
        missing = mosquitto_conf.lacks(mosquitto_conf.read(file), look.config.durability)
    except OSError as error:
        return warning(
            "broker's queue",
            f"{file} cannot be read: {error.strerror}",
            "Whether the broker keeps what the meter sends while we are away is not known.",
            "Run this as root: sudo nilm-edge doctor",
        )
    if missing:
        return warning(
            "broker's queue",
            f"mosquitto's configuration lacks: {'; '.join(missing)}",
            _QUEUE,
            "Put what nilm-edge config --for mosquitto prints, and persistence true, into "
            "/etc/mosquitto/conf.d/nilm-edge.conf, and restart mosquitto.",
        )
    return ok("broker's queue", f"as durability = {look.config.durability} wants it")


def _mosquitto_file(look: Look) -> Path | None:
    """The configuration of the broker, where it is one of this machine."""
    own = Path(look.config.data_dir) / "mosquitto" / "mosquitto.conf"
    mqtt = look.config.mqtt
    if own.exists() and f"listener {mqtt.port} " in own.read_text(errors="replace"):
        return own
    here = mqtt.host in {"localhost", "::1", socket.gethostname()} or mqtt.host.startswith("127.")
    system = look.root / "etc/mosquitto/mosquitto.conf"
    return system if here and system.exists() else None


def redis(look: Look) -> _Found:
    """Whether Redis answers, keeps its log as `durability` wants it, and gives nothing away when it is full."""
    config = look.config
    lines = "Put what nilm-edge config --for redis prints into its redis.conf, and restart it."
    log = RedisLog(config.redis.url, TIMEOUT_S)
    try:
        Streams.connect(config.redis.url, timeout_s=TIMEOUT_S).ping()
        found, facts = log.fsync_policy(), log.facts()
    except Rejected as error:
        yield warning("redis", str(error), "Whether Redis keeps what it has is not known.", lines)
        return
    except Unavailable as error:
        yield fault(
            "redis",
            str(error),
            "Nothing is taken in: the meter's messages wait at the broker.",
            "Start it (sudo systemctl start redis-server), or correct redis.url.",
        )
        return
    wanted = DURABILITY[config.durability].redis_fsync
    yield ok("redis", f"answers, {facts['used_memory_human']}B used")
    if not found:
        yield fault(
            "redis' log", "Redis keeps no log (appendonly no)", "Its restart loses the last hour and the outbox.", lines
        )
    elif facts["aof_last_write_status"] != "ok":
        yield fault(
            "redis' log",
            "Redis could not write its log",
            "It takes nothing in: messages wait at the broker.",
            "Look at its disk.",
        )
    elif found != wanted:
        means = f"A power cut takes something else than durability = {config.durability} promises."
        yield warning("redis' log", f"Redis has appendfsync {found}, not {wanted}", means, lines)
    else:
        yield ok("redis' log", f"appendfsync {found}, as durability = {config.durability} wants it")
    if facts["maxmemory"] != "0" and facts["maxmemory_policy"] != "noeviction":
        means = "When its memory is full, Redis throws away what nilm-edge needs."
        yield fault("redis' memory", f"maxmemory-policy is {facts['maxmemory_policy']}", means, lines)


def influxdb(look: Look) -> _Found:
    """Whether InfluxDB takes a point into each bucket, and gives it back."""
    config = look.config
    means = "Nothing is stored for long: the last hour waits in Redis, what is older in files. No history on the page."
    start = "Start it (sudo systemctl start influxdb), or correct [influx] in the configuration."
    try:
        settings = replace(config.influx, timeout_s=min(config.influx.timeout_s, TIMEOUT_S))
        influx = Influx.connect(settings, influx_token(config))
        version = influx.ping(TIMEOUT_S)
    except NilmError as error:
        yield fault("influxdb", str(error), means, start)
        return
    if free_bytes(Path(config.data_dir)) < config.disk_reserve_mb * 1_000_000:
        yield ok("influxdb", f"answers (version {version}); nothing was written: the disk is below its reserve")
        return
    for bucket in sorted({config.influx.bucket_raw, config.influx.bucket_pred}):
        try:
            influx.prepare()
            yield _written(influx, bucket, version, look.now_ms)
        except ServerFault as error:
            restart = "sudo systemctl restart influxdb; then nilm-edge doctor again. Look at its disk and its log."
            yield fault("influxdb", f"{bucket}: {error}", means, restart)
        except NilmError as error:
            yield fault("influxdb", f"{bucket}: {error}", means, "Look at token, bucket, and what the server says.")


def _written(influx: Influx, bucket: str, version: str, now_ms: int) -> Finding:
    """One point an hour, written again each time: it takes no room."""
    at_s = now_ms // 1000 // _HOUR_S * _HOUR_S
    influx.write(bucket, f"doctor value={now_ms}.0 {at_s}")
    try:
        asked = {"at": at_s * 1_000_000_000}
        found = influx.query(bucket, "SELECT value FROM doctor WHERE time = $at", asked)
    except NilmError as error:
        means = "What InfluxDB confirms cannot be checked, and the page has no history."
        return warning("influxdb", f"{bucket}: not read back: {error}", means, "Give the token the right to read.")
    if not found or found[0].values[-1][1] != float(now_ms):
        means = "InfluxDB confirms what it does not store: its disk is full or broken."
        return fault("influxdb", f"{bucket}: what was written is not there", means, "Look at its disk and its log.")
    return ok("influxdb", f"{bucket}: takes a point and gives it back (version {version})")


def central(look: Look) -> _Found:
    """Whether the central server answers, and how far it is."""
    config = look.config
    if not config.central.url:
        yield ok("central server", "none is configured: everything stays on this machine")
        return
    try:
        token, password = central_secrets(config)
        settings = replace(config.central, timeout_s=min(config.central.timeout_s, TIMEOUT_S))
        server = Central(settings, Secrets(token, password))
        at_s = look.now_ms // 1000
        server.write([f"doctor,host={_tag(host_name())} value={at_s}.0 {(at_s - at_s % _HOUR_S) * 1000}"])
        server.totals("home", look.now_ms - 60_000, look.now_ms)
    except NotLetIn as error:
        means = "Nothing is forwarded until somebody mends this; it waits here."
        yield fault("central server", str(error), means, "Put the right token or password into its file.")
    except Unavailable as error:
        means = "Nothing is forwarded meanwhile; it goes on by itself, and nothing is lost."
        yield warning("central server", str(error), means, "Look at the line to it, and at central.url.")
    except NilmError as error:
        yield fault("central server", str(error), "Nothing is forwarded.", "Correct [central] in the configuration.")
    else:
        if server.cannot_ask:
            means = "What is sent there cannot be compared: whether it is there is not known."
            do = "Give the token the right to read, if that is possible."
            yield warning("central server", f"{server.host}: {server.cannot_ask}", means, do)
        else:
            yield ok("central server", f"{server.host} takes a point, and can be asked")
    yield from _sync(look.services.get("sync", {}))


def _tag(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in name) or "_"


def _sync(said: object) -> _Found:
    figures = said if isinstance(said, dict) else {}
    status = str(figures.get("status", ""))
    if figures.get("second_edge"):
        means = "Two boxes write one building: their seconds would mix. The later one waits."
        yield fault("forwarding", status, means, "Give one of them another building name, or switch it off.")
    elif (late_s := max(figures.get("backlog_s", 0), figures.get("lag_ms", 0) / 1000)) > _LATE_S:
        means = f"The central server lacks {late_s / 3600:.0f} hours; they stay here meanwhile."
        yield warning("forwarding", status, means, "Wait while it catches up; nilm-edge status says how far it is.")
    elif figures.get("hours_differing"):
        means = "Some hours are not the same on the central server."
        yield warning("forwarding", status, means, "nilm-edge sync --once --verify; its log says which and why.")
    elif figures:
        yield ok("forwarding", status)
