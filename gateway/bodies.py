"""The body of a request."""

import json
from typing import Any

from flask import request

from gateway.problems import Problem


def json_object() -> dict[str, Any]:
    """The JSON object that was sent; a Problem where it is none, or is nested without end."""
    try:
        said = json.loads(request.get_data()) if request.is_json else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise Problem(400, "Send a JSON object as application/json.")
    return said
