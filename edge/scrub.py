"""Taking secrets out of text that leaves the box: those that this configuration has, and what looks like one."""

import re
from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from edge.config import central_secrets, secret_file
from edge.config_text import secret_files, secret_values
from edge.errors import ConfigError
from edge.settings import Config

MASK = "********"
_SHORTEST = 4
"""A shorter one would be found in the middle of words."""
_LOOKS_SECRET = (
    re.compile(r"(?i)(?<=bearer )[\w.~+/=-]{8,}"),
    re.compile(r"(?i)(?<=basic )[\w+/=-]{8,}"),
    re.compile(r"(?i)(?<=token )[\w.~+/=-]{16,}"),
    re.compile(r"(?i)(?<=nilm_session=)[^;\s\"']+"),
    re.compile(r"\bnilm_[A-Za-z0-9_-]{32,}"),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
    re.compile(r"(?i)(?<=token=)[^&\s\"']+"),
    re.compile(r"(?i)(?<=secret=)[^&\s\"']+"),
    re.compile(r"(?i)(?<=password=)[^&\s\"']+"),
    re.compile(r"(?<=://)[^/\s@\"']+(?=@)"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL),
)
"""API tokens, sessions, JWT, credentials of HTTP, of URLs, and private keys."""


class Scrubber:
    """Knows secrets, and takes them out of text, also as URLs and HTTP write them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {form for secret in secrets for form in _forms(secret)}
        longest_first = sorted((form for form in known if len(form) >= _SHORTEST), key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def scrub(self, text: str) -> str:
        """`text` without any of them."""
        if self._known:
            text = self._known.sub(MASK, text)
        for pattern in _LOOKS_SECRET:
            text = pattern.sub(MASK, text)
        return text


def secrets_of(config: Config) -> tuple[set[str], list[str]]:
    """Every secret that the settings hold or name, and the files that could not be looked into."""
    found: set[str] = set()
    unread = []
    for value in secret_values(config):
        found |= _of_setting(value)
    for name, file in secret_files(config):
        try:
            text = Path(secret_file(file)).read_text(errors="replace")
        except OSError:
            unread.append(name)
            continue
        found |= {line.strip() for line in text.splitlines() if not line.startswith("-----")}
    with suppress(ConfigError):  # it is named above
        found |= set(central_secrets(config))
    pairs = ((config.central.username, secret) for secret in set(found) if config.central.username)
    found |= {b64encode(f"{name}:{secret}".encode()).decode() for name, secret in pairs}
    return found - {""}, unread


def _of_setting(value: str) -> set[str]:
    """A secret itself, or what is secret in a URL."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return {value}
    if not parts.scheme:
        return {value}
    words = {parts.username or "", parts.password or "", *(text for _, text in parse_qsl(parts.query))}
    return words | {unquote(word) for word in words}


def _forms(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), quote(secret), b64encode(secret.encode()).decode()}
