"""InfluxDB's CSV answers as line protocol: each value as it is written there, so that nothing is lost on the way."""

import csv
from collections.abc import Iterator
from functools import lru_cache

COLUMNS = {
    "mains": {"power_w": "float", "voltage_v": "float", "current_a": "float", "flags": "int"},
    "appliance": {
        "power_w": "float",
        "p_on": "float",
        "low_w": "float",
        "high_w": "float",
        "on": "bool",
        "warmup": "bool",
        "model": "text",
        "measured_w": "float",
    },
}
"""Each measurement's fields, and what they are."""
POWERS = {"mains": "power_w", "appliance": "power_w, measured_w"}
"""The fields of which each point has at least one, as InfluxQL selects them."""


def fields_of(kind: str, *, texts: bool = True) -> list[str]:
    """The fields of a measurement, those that are text with `texts` alone."""
    return [name for name, type_of in COLUMNS[kind].items() if texts or type_of != "text"]


def lines_of(kind: str, building: str, answer: str) -> Iterator[str]:
    """A line (times in ms) for each row of a CSV answer with the columns name, tags, time and fields of `kind`.

    ValueError where it is no such answer.
    """
    rows = csv.reader(line + "\n" for line in answer.split("\n") if line)
    header = next(rows, None)
    if header is None:
        return
    fields = header[3:]
    if header[:3] != ["name", "tags", "time"] or not set(fields) <= COLUMNS[kind].keys():
        raise ValueError(f"these are no columns of {kind}: {header}")
    types = [COLUMNS[kind][name] for name in fields]
    text_at = types.index("text") if "text" in types else None
    whole = ",".join(f"{name}=%s{'i' if type_of == 'int' else ''}" for name, type_of in zip(fields, types, strict=True))
    for _, tags, at, *values in rows:
        start = f"{kind},{tags},building={building}" if tags else f"{kind},building={building}"
        if text_at is not None and values[text_at]:
            values[text_at] = _quoted(values[text_at])
        if "" not in values:
            yield f"{start} {whole % tuple(values)} {at}"
            continue
        some = ",".join(
            f"{name}={value}{'i' if type_of == 'int' else ''}"
            for name, type_of, value in zip(fields, types, values, strict=True)
            if value
        )
        if some:
            yield f"{start} {some} {at}"


@lru_cache(maxsize=256)
def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
