"""The table of measured results in a Markdown file: one row a scenario, replaced when it is measured again."""

from datetime import UTC, datetime
from pathlib import Path

from edge.adapters.files import write_whole
from tests.faults.checker import Count

BEGIN, END = "<!-- results: written by make test-faults -->", "<!-- end of results -->"
_HEAD = [
    "| scenario | rounds | published | stored | lost | doubled | altered | took | date |",
    "|---|--:|--:|--:|--:|--:|--:|--:|---|",
]


class Report:
    """A file that has the two marks; what stands between them belongs to this class."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def put(self, scenario: str, rounds: int, count: Count, duration_s: float) -> None:
        """Write a scenario's row."""
        before, rest = self._file.read_text().split(BEGIN)
        table, after = rest.split(END)
        rows = {_name(line): line for line in table.splitlines() if line.startswith("| ") and line not in _HEAD}
        figures = (rounds, count.published, count.stored, count.lost, count.doubled, count.altered)
        cells = [scenario, *(f"{figure:,}" for figure in figures), f"{duration_s:.0f} s", f"{datetime.now(UTC):%F}"]
        rows[scenario] = f"| {' | '.join(cells)} |"
        text = "\n".join([*_HEAD, *rows.values()])
        write_whole(self._file, f"{before}{BEGIN}\n\n{text}\n\n{END}{after}".encode())


def _name(row: str) -> str:
    return row.split("|")[1].strip()
