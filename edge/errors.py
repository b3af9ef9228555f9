"""One error class per reaction; anything else is a bug and crashes."""


class NilmError(Exception):
    """An error with a message for the person who runs the box; a command that it ends exits with `exit_code`."""

    exit_code = 1


class ConfigError(NilmError):
    """The configuration is wrong: say which key, exit 78, do not restart."""

    exit_code = 78


class BadReading(NilmError):
    """A meter's message that is no sample: count it, acknowledge it, go on."""


class Rejected(NilmError):
    """The other side refused this data for good: set it aside, go on."""


class Unavailable(NilmError):
    """A server, disk or network is away: wait with backoff, retry."""


class ServerFault(Unavailable):
    """A server is there and answers that it cannot do it (5xx): retry; if it stays so, it must be started anew."""


class ModelError(NilmError):
    """A model cannot be trusted or used: switch that one off, go on."""
