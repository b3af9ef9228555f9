"""The JSON Schemas of what goes in and out; answers may carry more than they name."""

from typing import Any

from edge.core.wanted import FORMATS, RESOLUTIONS, TABLES
from edge.log_tail import NAMES
from edge.periods import STEPS
from gateway.asks import Parameter
from gateway.parameters import LAST_S, MAX_PAUSE_S, MAX_PREDICTIONS, MAX_READINGS, RESOLUTIONS_S

Schema = dict[str, Any]


def obj(**members: Schema) -> Schema:
    """An object that has at least these members."""
    return {"type": "object", "properties": members, "required": list(members)}


def listed(items: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": items}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def by_name(values: Schema) -> Schema:
    """An object whose keys are names."""
    return {"type": "object", "additionalProperties": values}


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}
YES_NO: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
DATE: Schema = {"type": "string", "format": "date"}
FILE: Schema = {"type": "string", "format": "binary"}
BUILDING: Schema = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"}

PROBLEM = obj(type=TEXT, title=TEXT, status=WHOLE, detail=TEXT, request_id=TEXT)

_READING_POINT = {**obj(time=TIME, power_w=maybe(NUMBER)), "description": "flags and held, where there is a remark"}
_READING_COLUMNS = obj(building_id=TEXT, at_ms=listed(WHOLE), power_w=listed(maybe(NUMBER)), flags=listed(WHOLE))
_CELL = {
    **obj(power_w=maybe(NUMBER), p_on=maybe(NUMBER), on=maybe(YES_NO)),
    "description": "measured_w, where it has a meter of its own; the others are null where nothing was predicted",
}
_PREDICTION_POINT = obj(time=TIME, appliances=by_name(_CELL), other_w=maybe(NUMBER))
_PREDICTION_COLUMNS = {
    **obj(
        building_id=TEXT,
        at_ms=listed(WHOLE),
        appliances=by_name(listed(maybe(NUMBER))),
        other_w=listed(maybe(NUMBER)),
    ),
    "description": "seconds also have warmup, and with appliance_id low_w and high_w as appliances has the power",
}
READINGS = {"anyOf": [obj(building_id=TEXT, points=listed(_READING_POINT)), _READING_COLUMNS]}
PREDICTIONS = {"anyOf": [obj(building_id=TEXT, points=listed(_PREDICTION_POINT)), _PREDICTION_COLUMNS]}

_BOUND: Schema = {"anyOf": [DATE, TIME], "description": "a date; by hour a time"}
_SAID = obj(cost=maybe(NUMBER), seconds=WHOLE)
_PERIOD = obj(
    mains=maybe(_SAID), appliances=by_name(obj(kwh=NUMBER, cost=maybe(NUMBER), on_s=WHOLE)), other=maybe(_SAID)
)
ENERGY = obj(
    building_id=TEXT,
    timezone=maybe(TEXT),
    step=TEXT,
    today=DATE,
    start_time=TIME,
    end_time=TIME,
    currency=TEXT,
    periods=listed({"allOf": [obj(start=_BOUND, end=_BOUND, start_time=TIME), _PERIOD]}),
    total=_PERIOD,
)
_WEEK = {**listed({**listed(maybe(NUMBER)), "minItems": 24, "maxItems": 24}), "minItems": 7, "maxItems": 7}
HEATMAP = obj(
    building_id=TEXT,
    appliance_id=maybe(TEXT),
    timezone=maybe(TEXT),
    start=DATE,
    end=DATE,
    weekdays=listed(TEXT),
    mean_w=_WEEK,
    kwh=_WEEK,
    seconds=_WEEK,
)

CYCLES = obj(
    building_id=TEXT,
    appliance_id=TEXT,
    timezone=maybe(TEXT),
    start=DATE,
    end=DATE,
    pause_s=WHOLE,
    cycles=listed(
        obj(
            start=TIME,
            end=TIME,
            duration_s=WHOLE,
            on_s=WHOLE,
            missing_s=WHOLE,
            kwh=NUMBER,
            mean_w=NUMBER,
            max_w=NUMBER,
            running=YES_NO,
        )
    ),
    left_out=WHOLE,
    total=obj(cycles=WHOLE, on_s=WHOLE, kwh=NUMBER),
)

_FIGURES = obj(
    seconds=WHOLE,
    mae_w=maybe(NUMBER),
    always_zero_mae_w=maybe(NUMBER),
    f1=maybe(NUMBER),
    precision=maybe(NUMBER),
    recall=maybe(NUMBER),
    on_s=WHOLE,
    predicted_on_s=WHOLE,
    energy_kwh=NUMBER,
    predicted_energy_kwh=NUMBER,
)
ACCURACY = obj(
    building_id=TEXT, appliances=by_name(obj(on_threshold_w=NUMBER, day=_FIGURES, week=_FIGURES)), hours_to_count=WHOLE
)

LIVE = obj(live=YES_NO, version=TEXT)
READY = obj(ready=YES_NO, down=listed(TEXT), checks=by_name(obj(ok=YES_NO)))
MODEL = obj(
    id=TEXT,
    version=TEXT,
    state={"enum": ["ok", "disabled"]},
    appliances=listed(TEXT),
    sha256=maybe(TEXT),
    metrics={"type": "object"},
)
MODELS = obj(models=listed(MODEL), infer=obj(up=YES_NO, heartbeat_age_s=maybe(NUMBER)))
RELOADED = obj(reload={"enum": ["done", "asked"]}, models=listed(MODEL))
CACHES = obj(
    decisions=obj(kept=WHOLE, recalled=WHOLE, decided=WHOLE, ttl_s=WHOLE),
    answers=obj(kept=WHOLE, ttl_s=WHOLE),
    models=obj(loaded=listed(TEXT)),
)
LOG = obj(
    source={"enum": ["files", "journal"]},
    services=listed(TEXT),
    lines=listed(obj(service=TEXT, at_ms=maybe(WHOLE), level=TEXT, logger=TEXT, message=TEXT, request_id=TEXT)),
)
MAX_LINES = 1000
LOG_OF = Parameter("service", "This service's or server's lines alone.", {"enum": list(NAMES)})
LOG_LINES = Parameter(
    "lines", "The newest so many; 200 without it.", {"type": "integer", "minimum": 1, "maximum": MAX_LINES}
)
INVALIDATED = obj(decisions=WHOLE, models=WHOLE)
BUILDINGS = obj(buildings=listed(obj(building_id=TEXT, newest=maybe(TIME))))
BACKFILL = obj(state={"enum": ["idle", "queued", "running", "done", "failed", "interrupted"]})
_STATE = obj(
    name=TEXT,
    kind={"enum": ["service", "server", "timer"]},
    up=maybe(YES_NO),
    since_ms=maybe(WHOLE),
    heard_ms=maybe(WHOLE),
    lag_s=maybe(NUMBER),
    said=maybe(TEXT),
    why=maybe(TEXT),
)
_BUILDING_STATE = obj(
    window_length=WHOLE,
    window_full=WHOLE,
    newest_age_s=maybe(NUMBER),
    predicted_age_s=maybe(NUMBER),
    missing_s=WHOLE,
    outbox_length=WHOLE,
    gaps=listed(obj(start_ms=WHOLE, seconds=WHOLE, reason=TEXT)),
    meters=listed({"type": "object"}),
    counters=by_name(WHOLE),
)
SYSTEM = obj(
    at_ms=WHOLE,
    version=TEXT,
    timezone=maybe(TEXT),
    today=DATE,
    today_from_ms=WHOLE,
    clock_synchronised=YES_NO,
    safe_mode=maybe(TEXT),
    services=listed(_STATE),
    buildings=by_name(maybe(_BUILDING_STATE)),
    storage=obj(why=maybe(TEXT), spool_mb=maybe(NUMBER), spool_max_mb=NUMBER, influx_stuck=YES_NO),
    sync=maybe(obj(lag_s=maybe(NUMBER), backlog_s=maybe(NUMBER))),
    models=listed(MODEL),
    backfill=BACKFILL,
    may=obj(backfill=YES_NO, log=YES_NO),
)
GAPS = obj(**{"from": TIME, "to": TIME, "buildings": by_name({"type": "object"}), "backfill": BACKFILL})
ASKED = obj(backfill=BACKFILL, see=TEXT)
ME = obj(
    user=maybe(TEXT),
    role=maybe({"enum": ["viewer", "operator", "admin"]}),
    log_in_with={"enum": ["password", "token"]},
    has_accounts=YES_NO,
    dashboard_only=YES_NO,
    csrf=maybe(TEXT),
)
LOGGED_IN = obj(user=TEXT, role=TEXT, csrf=TEXT)
LOGGED_OUT = obj(user={"type": "null"})
LOGIN: Schema = {
    **obj(
        name={"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$"},
        password={"type": "string", "minLength": 1, "maxLength": 1024},
    ),
    "description": 'Where gateway.auth = "jwt": token instead.',
}

WINDOW_S = (60, 3600)
WINDOW_KW = 1000
"""How many seconds a window of /infer has, and how much power either way."""
INFER: Schema = {
    **obj(
        building_id=BUILDING,
        appliance_id={"type": "string", "minLength": 1, "maxLength": 64},
        window={
            **listed({"type": "number", "minimum": -WINDOW_KW, "maximum": WINDOW_KW}),
            "minItems": WINDOW_S[0],
            "maxItems": WINDOW_S[1],
        },
        timestamp=TIME,
    ),
    "additionalProperties": False,
}
INFERRED = obj(
    predicted_kw=NUMBER, confidence=NUMBER, warmup=YES_NO, model_version=TEXT, request_id=TEXT, persisted=YES_NO
)
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "The same key and body within 24 h: the same answer, stored once.",
    {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
    place="header",
)

BUILDING_ID = Parameter("building_id", "Which building.", BUILDING, required=True)
SOME_BUILDING_ID = Parameter("building_id", "This building alone.", BUILDING)
LAST = Parameter(
    "last",
    "The newest so many seconds; instead of start and end.",
    {"type": "integer", "minimum": LAST_S[0], "maximum": LAST_S[1]},
)
START = Parameter("start", "From this time, with its zone.", TIME)
END = Parameter("end", "Until before this time; later than start.", TIME)
FROM_START = Parameter("start", START.doc, TIME, required=True)
UNTIL_END = Parameter("end", END.doc, TIME, required=True)
RESOLUTION = Parameter("resolution", "With start and end: the step.", {"enum": list(RESOLUTIONS_S)})
LAYOUT = Parameter("layout", "columns is made for charts.", {"enum": ["rows", "columns"]})
APPLIANCE_ID = Parameter("appliance_id", "This appliance alone.", {"type": "string", "minLength": 1})
NAMED_APPLIANCE = Parameter("appliance_id", "Which appliance.", {"type": "string", "minLength": 1}, required=True)
PAUSE_S = Parameter(
    "pause_s",
    "A pause of up to so long is within a cycle; 120 without it.",
    {"type": "integer", "minimum": 1, "maximum": MAX_PAUSE_S},
)
SERIES = Parameter("appliance_id", "An appliance, or other; mains without it.", {"type": "string", "minLength": 1})
_DAY: Schema = {"type": "string", "pattern": "^20[0-9]{2}-[0-9]{2}-[0-9]{2}$"}
FIRST_DAY = Parameter("start", "From this day on; a week or so before end without it.", _DAY)
UNTIL_DAY = Parameter("end", "Until before this day; until now without it.", _DAY)
STEP = Parameter("step", "What a period is.", {"enum": list(STEPS)})
TZ = Parameter("tz", "The zone in which times are said.", {"type": "string", "pattern": "^[A-Za-z0-9_+/-]{1,64}$"})
LIMIT_READINGS, LIMIT_PREDICTIONS = (
    Parameter(
        "limit",
        "With start and end: page by page, of so many steps; next is where the next one starts.",
        {"type": "integer", "minimum": 1, "maximum": most},
    )
    for most in (MAX_READINGS, MAX_PREDICTIONS)
)
TABLE = Parameter("table", "What a row is of.", {"enum": list(TABLES)})
EXPORT_RESOLUTION = Parameter("resolution", "What a row spans.", {"enum": list(RESOLUTIONS)})
FORMAT = Parameter("format", "The kind of file.", {"enum": list(FORMATS)})
DAYS_BACK = Parameter("days_back", "Days that are looked at.", {"type": "integer", "minimum": 1, "maximum": 31})
MAX_GAP_HOURS = Parameter(
    "max_gap_hours", "Longer stretches are left alone.", {"type": "integer", "minimum": 1, "maximum": 744}
)
AFTER_MS = Parameter(
    "after_ms", "First the seconds after this time.", {"type": "integer", "minimum": 0, "maximum": 999_999_999_999_999}
)
LAST_EVENT_ID = Parameter(
    "Last-Event-ID", "The same, as browsers send it.", {"type": "string", "pattern": "^[0-9]{0,15}$"}, place="header"
)

_RUN: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"}
E2E_TOKEN = Parameter("X-E2E-Token", "The token in gateway.e2e_token_file.", TEXT, required=True, place="header")
RUN_ID = Parameter("run_id", "As it was put in.", _RUN, required=True)
PREPROCESS: Schema = obj(window=INFER["properties"]["window"])
PREPROCESSED = obj(models=listed(obj(model=TEXT, features=listed({"type": "object"}), vector=listed(WHOLE))))
INJECT: Schema = {
    "type": "object",
    "properties": {"run_id": _RUN, "power_kw": {"type": "number", "minimum": -WINDOW_KW, "maximum": WINDOW_KW}},
    "required": ["run_id"],
}
INJECTED = obj(run_id=TEXT, building_id=TEXT, time=TIME)
REDIS_BUFFER = obj(
    building_id=TEXT, length=WHOLE, points=listed(obj(time=TIME, power_w=NUMBER, run_id=TEXT)), outbox=WHOLE
)
FORGOTTEN = obj(building_id=TEXT, forgotten=YES_NO)
RUN_STATUS = obj(run_id=TEXT, stored=YES_NO, points=listed(obj(time=TIME, power_w=NUMBER)), predictions=WHOLE)
