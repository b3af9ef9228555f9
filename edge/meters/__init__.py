"""One file per meter family: a payload becomes total active power in W."""

from collections.abc import Callable

from edge.meters import generic, smappee
from edge.meters.reading import Reading
from edge.settings import Meter

FAMILIES: dict[str, Callable[[Meter, bytes], Reading]] = {"smappee": smappee.read, "generic": generic.read}
"""Each family's name and what reads its payloads."""
