"""The central server, whichever it is: InfluxDB 1.x, 2.x, 3.x and Cloud, or VictoriaMetrics.

Every answer that says no becomes Rejected (it will never take this) or Unavailable (later; Busy says when, NotLetIn
needs a person). No error has a secret in it.
"""

import gzip
import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

import orjson
import urllib3

from edge.adapters.influx import quoted
from edge.core import central_queries as ask
from edge.core.sync import Claim, Series, Total
from edge.errors import ConfigError, Rejected, ServerFault, Unavailable
from edge.settings import Central as CentralSettings

_T = TypeVar("_T")
_CONNECT_S = 3.0
_LOOK_S = 0.2
_GZIP_LEVEL = 3
_SHOWN_S = {"1": 0.0, "2": 5.0, "victoria": 20.0}
"""How long after a write the server may answer questions without it; VictoriaMetrics learns new names in ten."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What lets us in; empty for none."""

    token: str = ""
    password: str = ""


class TooLarge(Rejected):
    """The server takes shorter bodies only."""


class Busy(Unavailable):
    """The server asks to be left alone for `pause_s`."""

    def __init__(self, text: str, pause_s: float) -> None:
        super().__init__(text)
        self.pause_s = pause_s


class NotLetIn(Unavailable):
    """The server does not know us (`is_unknown`), or does not allow us this: somebody must look at a file."""

    def __init__(self, text: str, *, is_unknown: bool) -> None:
        super().__init__(text)
        self.is_unknown = is_unknown


class Central:
    """One server. While it lets us wait, `meanwhile` is called every 0.2 s; what that raises ends the waiting."""

    def __init__(
        self, settings: CentralSettings, secrets: Secrets, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._meanwhile = meanwhile
        self._url = _checked(settings.url)
        self.host = urllib3.util.parse_url(self._url).netloc or self._url
        self._kind = "" if settings.api == "auto" else settings.api
        self._cannot_ask = ""
        self._http = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=min(_CONNECT_S, settings.timeout_s), read=settings.timeout_s),
            retries=False,
            cert_reqs="CERT_REQUIRED",
            ca_certs=settings.ca_file or None,
        )

    @property
    def replaces(self) -> bool:
        """Whether a later value takes the place of an earlier one."""
        return self._kind != "victoria"

    @property
    def shown_s(self) -> float:
        """How long after a write the server may answer questions without it."""
        return _SHOWN_S.get(self._kind, 0.0)

    @property
    def cannot_ask(self) -> str:
        """Why what is sent cannot be looked at there; empty where it can."""
        return self._cannot_ask

    @property
    def is_open_to_others(self) -> bool:
        """Whether a secret would travel to another machine where everybody on the way can read it."""
        host = urllib3.util.parse_url(self._url).host or ""
        away = host not in {"localhost", "::1", "[::1]"} and not host.startswith("127.")
        return self._url.startswith("http:") and away and bool(self._secrets.token or self._secrets.password)

    def write(self, lines: Sequence[str]) -> int:
        """Store line protocol with times in ms; how many bytes went over the line."""
        body = gzip.compress("\n".join(lines).encode(), _GZIP_LEVEL)
        where = {"precision": "ms"}
        if self._which() == "1":
            path, where["db"] = "/write", self._settings.bucket
        else:
            path, where["bucket"] = "/api/v2/write", self._settings.bucket
            if self._settings.org:
                where["org"] = self._settings.org
        path = f"{path}?{urlencode(where)}"
        try:
            self._get("POST", path, body, {"Content-Encoding": "gzip"})
        except Unavailable as error:
            if not self._is_empty(str(error)):
                raise
            self._make_database(error)
            self._get("POST", path, body, {"Content-Encoding": "gzip"})
        return len(body)

    def totals(self, building: str, start_ms: int, end_ms: int) -> dict[Series, Total] | None:
        """What the server holds of a span; None where it cannot be asked."""

        def asked() -> dict[Series, Total]:
            if self._which() == "victoria":
                counts, sums = (self._promql(text, end_ms) for text in ask.totals_promql(building, start_ms, end_ms))
                return ask.totals_of_promql(counts, sums)
            answers = self._influxql(*(ask.totals_influxql(kind, building, start_ms, end_ms) for kind in ask.SUMMED))
            found: dict[Series, Total] = {}
            for kind, answer in zip(ask.SUMMED, answers, strict=True):
                found |= ask.totals_of_influxql(kind, answer)
            return found

        return self._where_it_can(asked)

    def claims(self, building: str, start_ms: int, end_ms: int) -> list[Claim] | None:
        """Which boxes said in a span that they write a building; None where the server cannot be asked."""

        def asked() -> list[Claim]:
            if self._which() == "victoria":
                values, times = (self._promql(text, end_ms) for text in ask.claims_promql(building, start_ms, end_ms))
                return list(ask.claims_of_promql(values, times))
            (answer,) = self._influxql(ask.claims_influxql(building, start_ms, end_ms))
            return list(ask.claims_of_influxql(answer))

        return self._where_it_can(asked)

    def _where_it_can(self, asked: Callable[[], _T]) -> _T | None:
        try:
            found = asked()
        except (Rejected, NotLetIn, _NotThere) as error:
            if isinstance(error, NotLetIn) and error.is_unknown and self._kind != "2":
                raise  # a secret that is wrong; one that may write and not read is good enough
            self._cannot_ask = str(error)
            return None
        self._cannot_ask = ""
        return found

    def _influxql(self, *texts: str) -> list[list[dict[str, Any]]]:
        """Each statement's series; in one request, where the server takes several."""
        try:
            return self._asked(texts)
        except (Rejected, _NotThere):
            if len(texts) == 1:
                raise
            return [series for text in texts for series in self._asked([text])]

    def _asked(self, texts: Sequence[str]) -> list[list[dict[str, Any]]]:
        fields = urlencode({"db": self._settings.bucket, "q": "; ".join(texts), "epoch": "ms"})
        body = self._get("GET", f"/query?{fields}", missing=_NotThere).data
        try:
            results = orjson.loads(body)["results"]
            failed = " ".join(str(result["error"]) for result in results if "error" in result)
            series: list[list[dict[str, Any]]] = [result.get("series", []) for result in results]
        except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError) as error:
            raise Unavailable(f"{self.host} answered something that is no result") from error
        if self._is_empty(failed):
            return [[] for _ in texts]
        if failed or len(series) != len(texts):
            raise _NotThere(f"{self.host} refused the question: {failed[:300]}")
        return series

    def _promql(self, text: str, end_ms: int) -> list[dict[str, Any]]:
        fields = urlencode({"query": text, "time": ask.at_s(end_ms), "nocache": "1"})
        body = self._get("GET", f"/api/v1/query?{fields}", missing=_NotThere).data
        try:
            found: list[dict[str, Any]] = orjson.loads(body)["data"]["result"]
        except (orjson.JSONDecodeError, LookupError, TypeError) as error:
            raise Unavailable(f"{self.host} answered something that is no result") from error
        return found

    def _which(self) -> str:
        """1, 2 or victoria: as set, or as the server shows itself."""
        if not self._kind:
            answer = self._request("GET", "/ping")
            if answer.status >= 500 or answer.status == 429:
                self._check(answer)
            version = answer.headers.get("X-Influxdb-Version", "").lstrip("v")
            if "X-Server-Hostname" in answer.headers:
                self._kind = "victoria"
            else:
                self._kind = "1" if version.startswith("1.") else "2"
        return self._kind

    def _is_empty(self, said: str) -> bool:
        """Whether it is an InfluxDB 1 in which nobody has stored anything yet."""
        return self._kind == "1" and "database not found" in said

    def _make_database(self, missing: Unavailable) -> None:
        query = urlencode({"q": f"CREATE DATABASE {quoted(self._settings.bucket)}"})
        try:
            self._get("POST", f"/query?{query}")
        except (NotLetIn, Rejected) as error:
            raise Unavailable(f"{missing}; make the database {self._settings.bucket} there") from error

    def _get(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        missing: type[Unavailable] = Unavailable,
    ) -> urllib3.BaseHTTPResponse:
        return self._check(self._request(method, path, body, headers), missing)

    def _check(
        self, answer: urllib3.BaseHTTPResponse, missing: type[Unavailable] = Unavailable
    ) -> urllib3.BaseHTTPResponse:
        status = answer.status
        if status < 300:
            return answer
        said = answer.data[:2000].decode(errors="replace").strip()
        for secret in (self._secrets.token, self._secrets.password):
            said = said.replace(secret, "********") if secret else said
        text = f"{self.host} answered {status}: {said[:300]}"
        if status in {401, 403}:
            raise NotLetIn(f"{text}; look at {self._where_secrets_are()}", is_unknown=status == 401)
        if status in {429, 503}:
            raise Busy(text, _seconds(answer.headers.get("Retry-After", "")))
        if status == 413:
            raise TooLarge(text)
        if status in {400, 422}:
            raise Rejected(text)
        if status in {404, 405}:
            raise missing(f"{text}; look at central.url, central.org and central.bucket")
        raise ServerFault(text) if status >= 500 else Unavailable(text)

    def _request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        """One request on a thread of its own: a name that does not resolve, or a hang, holds up nobody's heartbeat."""
        done = threading.Event()
        outcome: list[urllib3.BaseHTTPResponse | BaseException] = []

        def work() -> None:
            try:
                headed = {**self._authorization(), **(headers or {})}
                outcome.append(self._http.request(method, self._url + path, body=body, headers=headed))
            except BaseException as error:  # raised again below, where somebody waits for it
                outcome.append(error)
            done.set()

        threading.Thread(target=work, daemon=True).start()
        while not done.wait(_LOOK_S):
            self._meanwhile()
        (found,) = outcome
        if isinstance(found, (urllib3.exceptions.HTTPError, OSError, UnicodeError)):
            raise Unavailable(f"{self.host} is away: {_why(found)}") from found
        if isinstance(found, BaseException):
            raise found
        return found

    def _authorization(self) -> dict[str, str]:
        if self._secrets.token:
            scheme = "Bearer" if self._kind == "victoria" else "Token"
            return {"Authorization": f"{scheme} {self._secrets.token}"}
        if self._settings.username:
            pair = f"{self._settings.username}:{self._secrets.password}"
            return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        return {}

    def _where_secrets_are(self) -> str:
        if self._settings.username and not self._secrets.token:
            return f"central.username and central.password_file ({self._settings.password_file or 'empty'})"
        return f"central.token_file ({self._settings.token_file or 'empty'}) and what that token may do"


class _NotThere(Unavailable):
    """The server does not know this question."""


def host_name() -> str:
    """This machine's name, as far as it may stand in a tag."""
    return "".join(character for character in socket.gethostname() if character.isalnum() or character in "-_.")[:64]


def _checked(url: str) -> str:
    parts = urllib3.util.parse_url(url)
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise ConfigError("central.url: must be http:// or https:// and a host, such as https://influx.example:8086")
    if parts.auth or parts.query:
        raise ConfigError("central.url: no user, password or token in it; use central.username and the files")
    return url.rstrip("/")


def _why(error: BaseException) -> str:
    """What went wrong, without the parts that differ each time, in few words."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return _why(reason)
    text = str(error.args[-1] if error.args else error) or type(error).__name__
    return text.partition(">: ")[2] or text


def _seconds(retry_after: str) -> float:
    """The header's seconds, an hour at most; a date counts as nothing said."""
    return min(float(retry_after), 3600.0) if retry_after.isascii() and retry_after.isdecimal() else 0.0
