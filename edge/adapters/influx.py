"""InfluxDB and what speaks like it: writes by /write or /api/v2/write, reads by InfluxQL with bound parameters."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

import orjson
import urllib3

from edge.errors import Rejected, ServerFault, Unavailable
from edge.settings import Influx as InfluxSettings

_PASSING = re.compile(r"<[^>]*>: | \(read timeout=[^)]*\)")
"""What differs each time in the words of one and the same failure."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: `columns` name the numbers in each row of `values`; time is in ms."""

    tags: Mapping[str, str]
    columns: tuple[str, ...]
    values: list[list[Any]]


class Influx:
    """One server. Unavailable: try again later. Rejected: it will never take this."""

    def __init__(self, settings: InfluxSettings, token: str) -> None:
        self._settings = settings
        self._token = token
        self._url = settings.url.rstrip("/")
        self._http = urllib3.PoolManager(
            timeout=urllib3.Timeout(settings.timeout_s), retries=False, maxsize=24, headers=_authorization(token)
        )
        self._api: str | None = None if settings.api == "auto" else settings.api
        self._write_api: Any = None

    @classmethod
    def connect(cls, settings: InfluxSettings, token: str = "") -> Self:
        """Prepare a connection; the server need not be there yet."""
        return cls(settings, token)

    def ping(self, timeout_s: float = 1.0) -> str:
        """The server's version as it tells it; Unavailable unless it answers in time."""
        answer = self._check(self._request("GET", "/ping", timeout_s=timeout_s))
        return str(answer.headers.get("X-Influxdb-Version", ""))

    def prepare(self) -> None:
        """Make the databases where the server has no buckets of its own (API 1)."""
        if self._choose_api() == "1":
            for database in sorted({self._settings.bucket_raw, self._settings.bucket_pred}):
                self._check(self._request("POST", "/query", {"q": f"CREATE DATABASE {quoted(database)}"}))

    def write(self, bucket: str, lines: str, precision: str = "s") -> None:
        """Store line protocol with times in seconds, or in nanoseconds (`ns`)."""
        if self._choose_api() == "2":
            self._write_with_api_2(bucket, lines, precision)
        else:
            path = f"/write?{urlencode({'db': bucket, 'precision': precision})}"
            self._check(self._request("POST", path, body=lines.encode()))

    def is_older_api(self) -> bool:
        """Whether the server takes /write alone (API 1): it then answers InfluxQL for certain."""
        return self._choose_api() == "1"

    def query(self, bucket: str, influxql: str, parameters: Mapping[str, str | int | float]) -> list[Series]:
        """Run one InfluxQL statement whose $names stand for `parameters`."""
        fields = {"db": bucket, "q": influxql, "epoch": "ms", "params": orjson.dumps(dict(parameters)).decode()}
        answer = self._check(self._request("POST", "/query", fields))
        try:
            result = orjson.loads(answer.data)["results"][0]
        except (orjson.JSONDecodeError, LookupError, TypeError) as error:
            raise Unavailable(f"InfluxDB answered something that is no result: {answer.data[:80]!r}") from error
        if "error" in result:
            missing = result["error"].startswith("database not found")  # nobody has stored anything yet
            raise (Unavailable if missing else Rejected)(f"InfluxDB refused the query: {result['error']}")
        return [
            Series(series.get("tags", {}), tuple(series["columns"]), series.get("values", []))
            for series in result.get("series", [])
        ]

    def query_csv(self, bucket: str, influxql: str, parameters: Mapping[str, str | int | float]) -> bytes:
        """One statement's answer as CSV: name, tags, time in ms, what was asked for; empty where nothing is found."""
        body = self._query_in_bulk(bucket, influxql, parameters, "application/csv")
        if body and not body.startswith(b"name,tags,time"):
            raise Unavailable(f"InfluxDB refused the query: {body[:300].decode(errors='replace').strip()}")
        return body

    def query_packed(self, bucket: str, influxql: str, parameters: Mapping[str, str | int | float]) -> bytes:
        """One statement's answer as MessagePack, a map for each chunk; the cheapest for both sides, times in ms."""
        return self._query_in_bulk(bucket, influxql, parameters, "application/x-msgpack")

    def _query_in_bulk(
        self, bucket: str, influxql: str, parameters: Mapping[str, str | int | float], form: str
    ) -> bytes:
        fields = {"db": bucket, "q": influxql, "epoch": "ms", "params": orjson.dumps(dict(parameters)).decode()}
        fields |= {"chunked": "true", "chunk_size": "10000"}  # an answer in one piece may be cut by max-row-limit
        headers = {**_authorization(self._token), "Accept": form}
        return self._check(self._request("POST", "/query", fields, headers=headers)).data

    def _choose_api(self) -> str:
        if self._api is None:
            version = self.ping(self._settings.timeout_s).lstrip("v")
            old = version.startswith("1.") and int(version.split(".")[1]) < 8
            self._api = "1" if old else "2"
        return self._api

    def _write_with_api_2(self, bucket: str, lines: str, precision: str) -> None:
        from influxdb_client.client.influxdb_client import InfluxDBClient  # noqa: PLC0415 - 30 MiB, for API 2 alone
        from influxdb_client.client.write_api import SYNCHRONOUS  # noqa: PLC0415
        from influxdb_client.rest import ApiException  # noqa: PLC0415

        if self._write_api is None:
            client = InfluxDBClient(
                self._url, self._token, org=self._settings.org, timeout=round(self._settings.timeout_s * 1000)
            )
            self._write_api = client.write_api(write_options=SYNCHRONOUS)
        with _reachable(self._url):
            try:
                self._write_api.write(bucket, record=lines.encode(), write_precision=precision)
            except ApiException as error:
                raise _refusal(error.status or 0, str(error.body or error.reason)) from error

    def _request(
        self,
        method: str,
        path: str,
        fields: Any = None,
        *,
        body: bytes | None = None,
        timeout_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        timeout = urllib3.Timeout(timeout_s or self._settings.timeout_s)
        with _reachable(self._url):
            if fields is not None:
                return self._http.request(
                    method, self._url + path, fields=fields, encode_multipart=False, timeout=timeout, headers=headers
                )
            return self._http.request(method, self._url + path, body=body, timeout=timeout)

    @staticmethod
    def _check(answer: urllib3.BaseHTTPResponse) -> urllib3.BaseHTTPResponse:
        if answer.status >= 300:
            raise _refusal(answer.status, answer.data.decode(errors="replace"))
        return answer


def quoted(name: str) -> str:
    """An InfluxQL identifier in double quotes."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "")
    return f'"{escaped}"'


def _authorization(token: str) -> dict[str, str]:
    return {"Authorization": f"Token {token}"} if token else {}


def _refusal(status: int, said: str) -> Rejected | Unavailable:
    """Final answers are Rejected; those that a retry or the installer can mend are Unavailable."""
    text = f"InfluxDB answered {status}: {said.strip()[:300]}"
    if status in {400, 413, 422}:
        return Rejected(text)
    return ServerFault(text) if status >= 500 else Unavailable(text)


@contextlib.contextmanager
def _reachable(url: str) -> Iterator[None]:
    try:
        yield
    except urllib3.exceptions.HTTPError as error:
        why = _PASSING.sub("", str(error))
        raise Unavailable(f"InfluxDB at {_host(url)} is away: {why}") from error


def _host(url: str) -> str:
    return urllib3.util.parse_url(url).netloc or url
