"""Questions to a central server, as InfluxQL and as PromQL, and what their answers say. Names are checked, never free.

A span goes from `start_ms` until before `end_ms`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edge.core.csv_lines import COLUMNS
from edge.core.sample import check_building
from edge.core.sync import Claim, Series, Total

SUMMED = {kind: [name for name, of in columns.items() if of == "float"] for kind, columns in COLUMNS.items()}
"""What is counted and added up: the fields that are numbers."""
CLAIM = "edge"
_FIELDS = ("run_s", "since_s")


def claim_line(building: str, claim: Claim) -> str:
    """What a box says of itself, as line protocol."""
    tags = f"{CLAIM},building={check_building(building)},edge={claim.edge},host={claim.host or 'unknown'}"
    return f"{tags} run_s={claim.run_s!r},since_s={claim.since_s!r} {claim.at_ms}"


# -- InfluxQL -------------------------------------------------------------------------------------------------------


def totals_influxql(kind: str, building: str, start_ms: int, end_ms: int) -> str:
    """Count and sum of each field, appliance by appliance."""
    columns = ", ".join(f"count({name}) AS n_{name}, sum({name}) AS sum_{name}" for name in SUMMED[kind])
    group = " GROUP BY appliance" if kind == "appliance" else ""
    return f"SELECT {columns} FROM {kind} {_where(building, start_ms, end_ms)}{group}"  # noqa: S608 - checked names


def totals_of_influxql(kind: str, series: Sequence[Mapping[str, Any]]) -> dict[Series, Total]:
    """What the answer's series say."""
    found = {}
    for one in series:
        said = dict(zip(one["columns"], one["values"][0], strict=True))
        for name in SUMMED[kind]:
            if said.get(f"n_{name}"):
                found[kind, _appliance(one), name] = Total(int(said[f"n_{name}"]), float(said[f"sum_{name}"]))
    return found


def claims_influxql(building: str, start_ms: int, end_ms: int) -> str:
    """The newest that each box said of itself."""
    where = _where(building, start_ms, end_ms)
    return f"SELECT last(run_s) AS run_s, since_s FROM {CLAIM} {where} GROUP BY edge, host"  # noqa: S608 - checked


def claims_of_influxql(series: Sequence[Mapping[str, Any]]) -> Iterator[Claim]:
    """What the answer's series say."""
    for one in series:
        said = dict(zip(one["columns"], one["values"][0], strict=True))
        tags = one.get("tags", {})
        since_s, run_s = float(said["since_s"] or 0), float(said["run_s"] or 0)
        yield Claim(tags.get("edge", ""), tags.get("host", ""), since_s, run_s, int(said["time"]))


def _where(building: str, start_ms: int, end_ms: int) -> str:
    span = f"time >= {start_ms}ms AND time < {end_ms}ms"
    return f"WHERE building = '{check_building(building)}' AND {span}"


def _appliance(series: Mapping[str, Any]) -> str:
    return str(series.get("tags", {}).get("appliance", ""))


# -- PromQL, as VictoriaMetrics has it ------------------------------------------------------------------------------


def totals_promql(building: str, start_ms: int, end_ms: int) -> tuple[str, str]:
    """Counts and sums of each field of both measurements, to be asked at `at_s(end_ms)`."""
    names = "|".join(f"{kind}_{name}" for kind, fields in SUMMED.items() for name in fields)
    chosen = f'{{__name__=~"{names}",building="{check_building(building)}"}}[{end_ms - start_ms}ms]'
    return f"count_over_time({chosen}) keep_metric_names", f"sum_over_time({chosen}) keep_metric_names"


def totals_of_promql(counts: Sequence[Mapping[str, Any]], sums: Sequence[Mapping[str, Any]]) -> dict[Series, Total]:
    """What both answers say together."""
    added = dict(_by_series(sums))
    return {series: Total(int(count), added.get(series, 0.0)) for series, count in _by_series(counts)}


def claims_promql(building: str, start_ms: int, end_ms: int) -> tuple[str, str]:
    """The newest that each box said of itself, and when it did, to be asked at `at_s(end_ms)`."""
    of = f'building="{check_building(building)}"'
    names = "|".join(f"{CLAIM}_{name}" for name in _FIELDS)
    chosen = f'{{__name__=~"{names}",{of}}}[{end_ms - start_ms}ms]'
    return f"last_over_time({chosen}) keep_metric_names", f"tlast_over_time({chosen}) keep_metric_names"


def claims_of_promql(values: Sequence[Mapping[str, Any]], times: Sequence[Mapping[str, Any]]) -> Iterator[Claim]:
    """What both answers say together."""
    said = {_who(one): float(one["value"][1]) for one in values}
    at_s = {_who(one): float(one["value"][1]) for one in times}
    for edge, host, name in sorted(said):
        if name == f"{CLAIM}_run_s":
            key = (edge, host, name)
            since_s = said.get((edge, host, f"{CLAIM}_since_s"), 0.0)
            yield Claim(edge, host, since_s, said[key], round(at_s.get(key, 0.0) * 1000))


def at_s(end_ms: int) -> str:
    """The time at which a span that ends before `end_ms` is asked about."""
    return f"{(end_ms - 1) / 1000:.3f}"


def _by_series(found: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Series, float]]:
    for one in found:
        labels = one["metric"]
        kind, _, name = labels["__name__"].partition("_")
        yield (kind, labels.get("appliance", ""), name), float(one["value"][1])


def _who(one: Mapping[str, Any]) -> tuple[str, str, str]:
    labels = one["metric"]
    return labels.get("edge", ""), labels.get("host", ""), labels["__name__"]
