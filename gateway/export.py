"""/export: history as a file, streamed."""

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

from flask import Blueprint, Response, request

from edge.adapters.snapshot_folder import SnapshotFolder
from edge.core.wanted import Wanted
from edge.errors import NilmError, Unavailable
from gateway.access import Of, Who, access
from gateway.asks import Call, described, takes
from gateway.parameters import unknown_building, wanted_export
from gateway.parts import parts
from gateway.problems import Problem
from gateway.schemas import BUILDING_ID, EXPORT_RESOLUTION, FILE, FORMAT, FROM_START, TABLE, UNTIL_END

pages = Blueprint("export", __name__)

AT_ONCE = 2
"""An export of seconds holds a day in memory: 60 MB for fourteen appliances."""
_places = threading.BoundedSemaphore(AT_ONCE)
_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
_PARAMETERS = takes(BUILDING_ID, FROM_START, UNTIL_END, TABLE, EXPORT_RESOLUTION, FORMAT)


@pages.get("/export")
@access(Who.VIEWER, Of.BUILDING)
@described(
    Call(
        takes(BUILDING_ID, FROM_START, UNTIL_END, TABLE, EXPORT_RESOLUTION, FORMAT),
        {200: dict.fromkeys(_TYPES.values(), FILE)},
    )
)
def export() -> Response:
    """Rows of one building as one file."""
    wanted, form = wanted_export(request.args.to_dict(flat=False))
    folder = SnapshotFolder(Path(parts().config.data_dir))
    _check_known(wanted.building, folder)
    if not _places.acquire(blocking=False):
        raise Unavailable(f"{AT_ONCE} exports are at work already")
    try:
        pieces = _pieces(folder, wanted, form)
        first = list(itertools.islice(pieces, 2))  # what is wrong shows before the headers leave
    except BaseException:
        _places.release()
        raise
    name = f"{wanted.building}-{wanted.table}-{wanted.resolution}.{form}"
    response = Response(itertools.chain(first, pieces), content_type=_TYPES[form])
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.call_on_close(_places.release)
    return response


def _pieces(folder: SnapshotFolder, wanted: Wanted, form: str) -> Iterator[bytes]:
    from edge.export import history, pieces  # noqa: PLC0415 - Arrow, 40 MiB, for whoever exports
    from edge.stored_seconds import StoredSeconds  # noqa: PLC0415

    try:
        yield from pieces(wanted, form, history(folder, StoredSeconds(parts().config, parts().influx), wanted))
    except Unavailable:
        raise
    except NilmError as error:
        raise Problem(409, str(error)) from error


def _check_known(building: str, folder: SnapshotFolder) -> None:
    """Refuse a building nobody knows; while Redis is away, it may be known."""
    try:
        known = parts().buildings()
    except Unavailable:
        return
    if building not in known and building not in folder.buildings():
        raise unknown_building(building)
