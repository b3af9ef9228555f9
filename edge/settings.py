"""Every setting of the appliance: one default, one type, one comment each."""

from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields, is_dataclass
from typing import Any

from edge.meters import FAMILIES
from edge.setting import setting
from edge.settings_gateway import Gateway


@dataclass(frozen=True, slots=True)
class Mqtt:
    """The broker that carries the meters' messages."""

    host: str = setting("127.0.0.1", "Host name or address of the MQTT broker.")
    port: int = setting(1883, "TCP port of the MQTT broker.", low=1, high=65535)
    client_id: str = setting("nilm-edge-ingest", "Fixed client id: the broker queues for it while nilm-edge is away.")
    username: str = setting("", "User name at the broker; empty for none.")
    password_file: str = setting("", "File that holds the broker password; empty for none.")
    tls: bool = setting(False, "Speak TLS with the broker, whose port is then 8883 as a rule.")
    ca_file: str = setting("", "TLS: file with the authority of the broker's certificate; empty: the system's.")
    cert_file: str = setting("", "TLS: file with our own certificate, where the broker asks for one; empty for none.")
    key_file: str = setting("", "TLS: file with the key of our own certificate, without a pass phrase.")
    keepalive_s: int = setting(30, "Seconds between keep-alive messages.", low=5, high=3600)


@dataclass(frozen=True, slots=True)
class Redis:
    """The last hour and the outbox."""

    url: str = setting("redis://127.0.0.1:6379/0", "Where Redis listens.", secret=True)
    outbox_h: int = setting(26, "Hours of seconds that Redis keeps at most per building.", low=1, high=24 * 31)
    spool_after_s: int = setting(
        3600, "Seconds of them beyond which the oldest go to files while InfluxDB is away.", low=0, high=86400
    )


@dataclass(frozen=True, slots=True)
class Influx:
    """The local InfluxDB."""

    url: str = setting("http://127.0.0.1:8086", "Where InfluxDB listens.", secret=True)
    api: str = setting(
        "auto", "Write API: 1 (/write), 2 (/api/v2/write), or auto to ask the server.", choices=("auto", "1", "2")
    )
    org: str = setting("", "Organisation, for servers with API 2.")
    bucket_raw: str = setting("nilm", "Bucket (API 2) or database (API 1) for mains.")
    bucket_pred: str = setting("nilm", "Bucket (API 2) or database (API 1) for appliances.")
    token: str = setting("", "API token; better kept in token_file.", secret=True)
    token_file: str = setting("", "File that holds the API token; empty for none.")
    timeout_s: float = setting(10.0, "Seconds to wait for an answer.", low=0.1, high=300)
    linger_s: float = setting(
        0.1, "Seconds a point may wait so that a second's points travel in one write.", low=0, high=1
    )


@dataclass(frozen=True, slots=True)
class Central:
    """The central server that everything is forwarded to."""

    url: str = setting(
        "", "Where it listens, such as https://influx.example:8086; empty: nothing is forwarded.", secret=True
    )
    api: str = setting(
        "auto",
        "What it is: 1 (InfluxDB 1.x), 2 (InfluxDB 2, 3 or Cloud), victoria (VictoriaMetrics), or auto to ask it.",
        choices=("auto", "1", "2", "victoria"),
    )
    org: str = setting("", "Organisation, for InfluxDB 2 and Cloud.")
    bucket: str = setting("nilm", "Bucket, or database of InfluxDB 1.x and 3, for mains and appliances.")
    token_file: str = setting("", "File that holds the token; empty: the systemd credential central_token, or none.")
    username: str = setting("", "User name, for InfluxDB 1.x or a proxy with passwords; empty for none.")
    password_file: str = setting(
        "", "File that holds the password; empty: the systemd credential central_password, or none."
    )
    ca_file: str = setting("", "File with the certificate authorities to trust; empty for this machine's own.")
    timeout_s: float = setting(8.0, "Seconds to wait for an answer.", low=0.1, high=300)
    live_every_s: float = setting(2.0, "Seconds between two writes of what is new.", low=0.5, high=3600)
    bandwidth_kbit_s: int = setting(0, "Kilobits a second to send on average; 0 for no limit.", low=0, high=10_000_000)
    recheck_days: int = setting(
        7, "Days whose hours are compared once more each day; 0: once after sending.", low=0, high=3660
    )


@dataclass(frozen=True, slots=True)
class Meter:
    """One meter: whose mains it measures and how its messages are read."""

    building: str = setting("home", "The building this meter measures.")
    family: str = setting("smappee", "How payloads are read; see docs/meters.md.", choices=tuple(FAMILIES))
    topic: str = setting(
        "servicelocation/+/realtime", "MQTT topic filter to subscribe to; $share/GROUP/ before it shares the feed."
    )
    power: str = setting(
        "",
        "Where the power stands in a JSON payload, such as ENERGY.Power or in_w - out_w; empty: as the family has it.",
    )
    unit: str = setting(
        "auto", "Unit of the power where no message says it; auto: as the family has it.", choices=("auto", "W", "kW")
    )
    time: str = setting("", "Family generic: dotted path of the time (Unix seconds, ms, or ISO 8601 with a zone).")
    circuit: str = setting(
        "", "The circuit of the meter that counts, by the meter's own name; several joined by ' + '; empty: its total."
    )
    appliance: str = setting("", "The one appliance it measures, as its model names it; empty: it measures mains.")
    sign: str = setting("import", "What the meter counts as positive.", choices=("import", "export"))
    scale: float = setting(1.0, "Factor on each power, for a current transformer.", low=0.0001, high=10_000)
    min_w: float = setting(-1e6, "Powers below are refused.", low=-1e6, high=1e6)
    max_w: float = setting(1e6, "Powers above are refused.", low=-1e6, high=1e6)
    phases: int = setting(
        0, "Phases that come in topics of their own and are summed. 0: as many as are heard.", low=0, high=12
    )
    average: bool = setting(
        False, "Store the mean of a second's messages instead of the first one, for a meter faster than 1 Hz."
    )
    hold_s: int = setting(
        -1, "Seconds without a message that are filled with the last value. -1: as the family needs.", low=-1, high=3600
    )
    hold_after_s: float = setting(
        1.5, "Seconds after a second began before it counts as without a message.", low=1, high=60
    )


@dataclass(frozen=True, slots=True)
class Ingest:
    """From messages to samples."""

    future_s: int = setting(5, "Samples stamped further ahead of the clock than this are refused.", low=1, high=86400)
    trust_clock: str = setting(
        "auto",
        "Whether samples ahead of our clock are refused: auto (once NTP keeps it), always, never up to a week.",
        choices=("auto", "always", "never"),
    )


@dataclass(frozen=True, slots=True)
class Infer:
    """From samples to predictions."""

    models_dir: str = setting("", "Folder with registry.json and the models; empty for the ones that came along.")
    appliances: str = setting("", "What the home has, separated by commas; empty for all that the models know.")


@dataclass(frozen=True, slots=True)
class Backfill:
    """Making up for what was missed."""

    every_h: float = setting(2.0, "Hours between two runs under nilm-edge run. 0: only when asked.", low=0, high=168)
    days_back: int = setting(7, "Days in which seconds without predictions are looked for.", low=1, high=31)
    max_gap_h: int = setting(
        48, "Hours in a row that get their predictions by themselves; more is left to a person.", low=1, high=744
    )


@dataclass(frozen=True, slots=True)
class History:
    """What is kept for how long, and what a question to it may take."""

    settle_s: int = setting(
        120, "Seconds after an hour's end before it is stored as Parquet, for what is on its way.", low=10, high=86400
    )
    influx_days: int = setting(
        30,
        "Days that InfluxDB keeps each second; a day goes once it is verified in Parquet. 0: for ever.",
        low=0,
        high=36500,
    )
    second_days: int = setting(0, "Days that Parquet keeps each second. 0: for ever.", low=0, high=36500)
    minute_days: int = setting(0, "Days that Parquet keeps minutes. 0: for ever.", low=0, high=36500)
    timezone: str = setting(
        "", "Time zone of days and of times shown, such as Europe/Brussels; empty for this machine's."
    )
    query_timeout_s: int = setting(30, "Seconds that nilm-edge query may take.", low=1, high=3600)
    query_memory_mb: int = setting(256, "Memory that nilm-edge query may take, in MB.", low=64, high=65536)
    query_threads: int = setting(2, "Processor cores that nilm-edge query may take.", low=1, high=64)


@dataclass(frozen=True, slots=True)
class Tariff:
    """What electricity costs, for the costs beside the kWh; without a price there are none."""

    currency: str = setting("EUR", "Currency, as three letters.")
    price_kwh: float = setting(0.0, "Price of a kWh.", low=0, high=1000)
    times: str = setting(
        "",
        "Other prices at times of the week, such as mon-fri 07:00-22:00 = 0.32, sun 11:00-17:00 = 0.2; the first "
        "that fits. In the time zone of [history].",
    )
    export_price_kwh: float = setting(0.0, "What a kWh that is given back earns.", low=0, high=1000)


@dataclass(frozen=True, slots=True)
class Simulator:
    """The simulated meter."""

    data_file: str = setting("", "Parquet file that is played; empty for the one that came along.")
    building: str = setting("home", "Building whose data_file is played.")
    topic: str = setting("servicelocation/simulated/realtime", "MQTT topic to publish to.")
    format: str = setting(
        "smappee", "A meter family, or json for {power_w, voltage_v, at_ms}.", choices=(*FAMILIES, "json")
    )
    every_s: int = setting(1, "Seconds between two messages.", low=1, high=3600)


@dataclass(frozen=True, slots=True)
class HomeAssistant:
    """Telling Home Assistant of every appliance, by MQTT discovery at the broker of [mqtt]."""

    enabled: bool = setting(False, "Whether nilm-edge run tells Home Assistant.")
    prefix: str = setting("homeassistant", "Discovery prefix, as Home Assistant has it.")
    topic: str = setting("nilm-edge", "Root of the topics with the values.")
    id: str = setting("nilm", "What the ids of devices and entities begin with: different on each edge at one broker.")
    every_s: int = setting(10, "Seconds between two values; on and off are told at once.", low=1, high=3600)


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration."""

    config_version: int = setting(1, "Format of this file; older ones are read as well.", low=1, high=1000)
    data_dir: str = setting("/var/lib/nilm-edge", "Folder for what nilm-edge writes itself.")
    log_level: str = setting("info", "How much is logged.", choices=("debug", "info", "warning", "error"))
    log_format: str = setting("text", "Log lines for people, or one JSON object each.", choices=("text", "json"))
    durability: str = setting(
        "second",
        "What a power cut may take: a second of samples, nothing (sample), ten seconds (relaxed).",
        choices=("second", "sample", "relaxed"),
    )
    spool_max_mb: int = setting(
        1000,
        "Megabytes that may wait in files while InfluxDB is away; beyond it the oldest go.",
        low=10,
        high=1_000_000,
    )
    disk_reserve_mb: int = setting(
        150, "Free megabytes on the disk of data_dir below which InfluxDB is given nothing.", low=0, high=1_000_000
    )
    mqtt: Mqtt = field(default_factory=Mqtt)
    redis: Redis = field(default_factory=Redis)
    influx: Influx = field(default_factory=Influx)
    central: Central = field(default_factory=Central)
    ingest: Ingest = field(default_factory=Ingest)
    infer: Infer = field(default_factory=Infer)
    backfill: Backfill = field(default_factory=Backfill)
    gateway: Gateway = field(default_factory=Gateway)
    history: History = field(default_factory=History)
    tariff: Tariff = field(default_factory=Tariff)
    homeassistant: HomeAssistant = field(default_factory=HomeAssistant)
    simulator: Simulator = field(default_factory=Simulator)
    meters: tuple[Meter, ...] = (Meter(),)


def settings_of(table: Any) -> Iterator[tuple[str, Any, Field[Any]]]:
    """Name, value and description of each setting that stands directly in `table`."""
    for about in fields(table):
        if "doc" in about.metadata:
            yield about.name, getattr(table, about.name), about


def tables_of(table: Any) -> Iterator[tuple[str, Any]]:
    """Name and value of each table inside `table`."""
    for about in fields(table):
        if is_dataclass(value := getattr(table, about.name)):
            yield about.name, value
