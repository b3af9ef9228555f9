"""Checks a running appliance from end to end by its probes: python scripts/e2e_check.py URL TOKEN_FILE

Puts in one sample with an id of its own and follows it through Redis and the models into InfluxDB. Exit code 0 where it
arrived, and is then taken back; 1 where it did not, saying where it stopped. The gateway needs E2E_PROBES_ENABLED=true
and a token in gateway.e2e_token_file.
"""

import argparse
import json
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main() -> int:
    """Run the check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="such as http://127.0.0.1:8080")
    parser.add_argument("token_file", type=Path)
    parser.add_argument("--timeout-s", type=float, default=30.0, help="for the sample to arrive (default: 30)")
    options = parser.parse_args()
    token = options.token_file.read_text().splitlines()[0].strip()
    run_id = f"check-{uuid.uuid4().hex[:12]}"

    def ask(path: str, body: Any = None) -> Any:
        headers = {"X-E2E-Token": token, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(options.url.rstrip("/") + path, data, headers)
        with urllib.request.urlopen(request, timeout=15) as answer:
            return json.load(answer)

    def wait(what: str, there: Callable[[], bool]) -> None:
        started_s = time.monotonic()
        while not there():
            if time.monotonic() - started_s > options.timeout_s:
                raise TimeoutError(f"{what}: not within {options.timeout_s:g} s")
            time.sleep(1)
        print(f"ok    {what} ({time.monotonic() - started_s:.1f} s)")

    try:
        models = ask("/e2e/preprocess", {"window": [0.5] * 60})["models"]
        print(f"ok    the models see {sum(len(model['vector']) for model in models)} inputs")
        at = ask("/e2e/inject", {"run_id": run_id, "power_kw": 1.234})["time"]
        print(f"ok    {run_id} is put in at {at}")
        wait("Redis holds it", lambda: run_id in [p["run_id"] for p in ask("/e2e/redis-buffer")["points"]])
        wait("it is predicted", lambda: (ask("/e2e/redis-buffer")["predicted_until"] or "") >= at)
        wait("InfluxDB has it", lambda: bool(ask(f"/e2e/influx-status?run_id={run_id}")["stored"]))
        wait("and its predictions", lambda: ask(f"/e2e/influx-status?run_id={run_id}")["predictions"] > 0)
        ask("/e2e/forget", {})
        print("ok    and it is taken back")
    except urllib.error.HTTPError as error:
        print(f"FAIL  {error.url} answered {error.code}: {error.read(500).decode(errors='replace')}")
    except (OSError, ValueError, KeyError) as error:
        print(f"FAIL  {error}")
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
