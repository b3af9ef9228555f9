"""Measures how quick a running gateway answers: python -m tests.gateway.latency URL [BUILDING] [CLIENTS] [NAME]."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import urllib3

REQUESTS = 100


def paths(building: str) -> dict[str, str]:
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0, tzinfo=None)
    day = f"start={end - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}&end={end:%Y-%m-%dT%H:%M:%SZ}"
    of = f"building_id={building}"
    return {
        "readings, last hour": f"/analytics/readings?{of}&last=3600",
        "readings, last minute": f"/analytics/readings?{of}&last=60",
        "predictions, last hour": f"/analytics/predictions?{of}&last=3600",
        "predictions, last hour, columns": f"/analytics/predictions?{of}&last=3600&layout=columns",
        "predictions, last minute": f"/analytics/predictions?{of}&last=60",
        "readings, a day at 1m": f"/analytics/readings?{of}&{day}&resolution=1m",
        "predictions, a day at 1m": f"/analytics/predictions?{of}&{day}&resolution=1m",
        "predictions, a day at 15m": f"/analytics/predictions?{of}&{day}&resolution=15m",
        "ready": "/ready",
        "metrics": "/metrics",
    }


def measure(url: str, clients: int) -> tuple[list[float], int]:
    """Milliseconds of each request, sorted, and the bytes of an answer; `clients` ask at the same time."""
    http = urllib3.PoolManager(maxsize=clients, retries=False)

    def ask(_: int) -> tuple[float, int]:
        began_s = time.perf_counter()
        answer = http.request("GET", url)
        if answer.status != 200:
            raise SystemExit(f"{url}: {answer.status} {answer.data[:200]!r}")
        return 1000 * (time.perf_counter() - began_s), len(answer.data)

    with ThreadPoolExecutor(clients) as pool:
        took = list(pool.map(ask, range(REQUESTS)))
    return sorted(ms for ms, _ in took[clients:]), took[-1][1]


def main() -> None:
    url, building, clients = (*sys.argv[1:4], *("home", "1")[len(sys.argv) - 2 :])
    print(f"{'':34}{'p50 ms':>8}{'p95 ms':>8}{'kB':>8}")
    for name, path in paths(building).items():
        if len(sys.argv) > 4 and sys.argv[4] not in name:
            continue
        took, size = measure(url + path, int(clients))
        p50, p95 = took[len(took) // 2], took[int(len(took) * 0.95)]
        print(f"{name:34}{p50:8.1f}{p95:8.1f}{size / 1000:8.0f}")


if __name__ == "__main__":
    main()
