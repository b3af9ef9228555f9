"""A backup that is torn, changed or hostile is refused as a whole, in one sentence, and nothing is written anywhere."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.adapters import archive
from edge.adapters import history_tables as tables
from edge.adapters.archive import Writer
from edge.backup_contents import look
from edge.cli import main
from edge.core.backup_manifest import CONFIG, MANIFEST, MAX_MEMBER_BYTES, SEAL, Manifest, is_name, newest_name, to_json
from edge.core.manifest import Day, Part
from edge.core.manifest import to_json as day_json
from edge.errors import Rejected

PLACE = "snapshots/building=home/date=2026-01-05"
SECONDS = pa.table(
    {
        "time": [1_767_571_200_000, 1_767_571_201_000],
        "power_w": [1.0, 2.5],
        "voltage_v": [230.0, None],
        "current_a": [None, None],
        "flags": [0, 1],
    },
    schema=tables.SCHEMAS["mains"],
)
CONTENT = tables.to_parquet("mains", [SECONDS]).content
NOTES = b'{"counters": {"accepted": 2}, "events": [[1767571200000, "heard"]]}'


def _members(content: bytes = CONTENT, rows: int = 2) -> dict[str, bytes]:
    from hashlib import sha256

    part = Part("mains", None, rows, len(content), sha256(content).hexdigest())
    day = Day("home", "2026-01-05", (part,), {"mains": {0: rows}})
    return {
        CONFIG: b'log_level = "info"\n',
        "redis/home.json": NOTES,
        "state/changed/sync/home/1767571200000": b"",
        newest_name("home", "mains", 1_767_571_200_000): CONTENT,
        f"{PLACE}/{part.name}": content,
        f"{PLACE}/manifest.json": day_json(day),
    }


def _backup(members: dict[str, bytes], manifest: bytes | None = None) -> bytes:
    out = io.BytesIO()
    writer = Writer(out, 0)
    for name, content in members.items():
        writer.add(name, content)
    writer.finish(to_json(Manifest("1", "now", ("home",), tuple(writer.members))) if manifest is None else manifest)
    return out.getvalue()


def _tar(*files: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for about in files:
            tar.addfile(about, io.BytesIO(b"x" * about.size))
    return out.getvalue()


def _info(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.type, about.linkname, about.size = kind, target, size
    return about


GOOD = _backup(_members())


def test_what_was_written_is_read() -> None:
    found = look(io.BytesIO(GOOD))
    assert found.notes == {"home": ({"accepted": 2}, [(1767571200000, "heard")])}
    assert [day.date for day in found.days] == ["2026-01-05"]
    assert found.newest == ["newest/building=home/mains-1767571200000.parquet"]
    assert {
        name: content for name, content in archive.read(io.BytesIO(GOOD)) if name not in {MANIFEST, SEAL}
    } == _members()


@pytest.mark.parametrize(
    ("about", "why"),
    [
        (_info("../evil"), "none of its files"),
        (_info("/etc/passwd"), "none of its files"),
        (_info("state/changed/../../../evil"), "none of its files"),
        (_info("state/influxdb/meta"), "none of its files"),
        (_info("state/config.toml"), "none of its files"),
        (_info("models/.ssh"), "none of its files"),
        (_info("models/a\nb"), "none of its files"),
        (_info("models/x", tarfile.SYMTYPE, "/etc/passwd"), "no plain file"),
        (_info("models/x", tarfile.LNKTYPE, "config.toml"), "no plain file"),
        (_info("models/x", tarfile.DIRTYPE), "no plain file"),
        (_info("models/x", tarfile.CHRTYPE), "no plain file"),
        (_info("models/x", tarfile.FIFOTYPE), "no plain file"),
        (_info("models/x", tarfile.GNUTYPE_SPARSE), "no plain file"),
        (_info("models/" + "x" * 300), "none of its files"),
    ],
)
def test_members_that_would_lead_elsewhere(about: tarfile.TarInfo, why: str) -> None:
    with pytest.raises(Rejected, match=why):
        look(io.BytesIO(_tar(about)))


@pytest.mark.parametrize("size", [MAX_MEMBER_BYTES + 1, 1 << 62, -1])
def test_a_size_out_of_bounds_is_not_believed(size: int) -> None:
    about = _info("models/x")
    about.size = size
    header = about.tobuf(tarfile.GNU_FORMAT)
    with pytest.raises(Rejected, match="none of ours"):
        look(io.BytesIO(header + b"\0" * 1024))


def _with(**changes: Any) -> bytes:
    said = json.loads(dict(archive.read(io.BytesIO(GOOD)))[MANIFEST])
    return json.dumps(said | changes).encode()


@pytest.mark.parametrize(
    ("members", "manifest", "why"),
    [
        ({}, b"{", "cannot be used"),
        ({}, b"[]", "lacks something"),
        ({}, b"[" * 5000, "cannot be used"),
        ({}, _with(format=2, made_by="nilm-edge 9.9"), "it has format 2 of nilm-edge 9.9; this version reads format 1"),
        ({}, _with(members=[]), "6 files, and 0"),
        ({}, _with(members=[{"name": "../x", "bytes": 0, "sha256": "0" * 64}]), "it names|names '../x'"),
        ({}, _with(members=[{"name": CONFIG, "bytes": -1, "sha256": "0" * 64}]), "has -1 bytes"),
        ({}, _with(members=[{"name": CONFIG, "bytes": 1, "sha256": "x"}]), "no SHA-256"),
        ({CONFIG: b"\xff"}, None, "cannot be used: config.toml"),
        ({"redis/home.json": b"[]"}, None, "lacks something"),
        ({"redis/-home.json": NOTES}, None, "none of its files|cannot be"),
        ({f"{PLACE}/manifest.json": b"{}"}, None, "lacks something"),
        ({f"{PLACE}/stray.parquet": b""}, None, "no such file"),
        ({f"{PLACE}/mains-00-0123456789ab.parquet": CONTENT}, None, "of no stored day"),
        ({newest_name("home", "mains", 1): CONTENT}, None, "named like no hour"),
        ({newest_name("home", "mains", 0): CONTENT[:-9]}, None, "no readable Parquet"),
        ({newest_name("home", "appliance", 0): CONTENT}, None, "columns are not those of appliance"),
        ({"models/a": b"", "models/a/b": b""}, None, "twice"),
    ],
)
def test_what_does_not_fit_together(members: dict[str, bytes], manifest: bytes | None, why: str) -> None:
    with pytest.raises(Rejected, match=why):
        look(io.BytesIO(_backup(_members() | members, manifest)))


def test_a_day_that_is_not_what_its_manifest_says() -> None:
    wrong = _members(rows=3)
    with pytest.raises(Rejected, match="not what its day's manifest says"):
        look(io.BytesIO(_backup(wrong)))


def test_parquet_that_would_unfold_to_far_more_than_it_is() -> None:
    sink = io.BytesIO()
    rows = (1 << 20) + 1
    with pq.ParquetWriter(sink, SECONDS.schema, compression="zstd") as writer:
        writer.write_table(SECONDS.take(pa.array([0] * rows)), row_group_size=rows)
    assert len(sink.getvalue()) < 100_000
    with pytest.raises(Rejected, match="far too large"):
        look(io.BytesIO(_backup(_members(sink.getvalue(), rows))))


def test_the_same_member_twice() -> None:
    with pytest.raises(Rejected, match="twice"):
        out = io.BytesIO()
        writer = Writer(out, 0)
        for _ in range(2):
            writer.add(CONFIG, b"")
        writer.finish(to_json(Manifest("1", "now", (), tuple(writer.members))))
        look(io.BytesIO(out.getvalue()))


@settings(max_examples=500, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_found_or_was_of_no_importance(at: int, flip: int) -> None:
    changed = bytearray(GOOD)
    changed[at] ^= flip
    try:
        look(io.BytesIO(bytes(changed)))
    except Rejected:
        return
    assert dict(archive.read(io.BytesIO(bytes(changed)))) == dict(archive.read(io.BytesIO(GOOD)))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(GOOD)))
def test_a_backup_that_was_cut_off(length: int) -> None:
    cut = GOOD[:length]
    if cut.rstrip(b"\0") == GOOD.rstrip(b"\0"):
        return
    with pytest.raises(Rejected):
        look(io.BytesIO(cut))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=4096))
def test_anything_else_is_no_backup(content: bytes) -> None:
    with pytest.raises(Rejected):
        look(io.BytesIO(content))


@given(st.text(max_size=80))
def test_a_name_never_leads_out(name: str) -> None:
    if is_name(name):
        root = Path("/data/here")
        assert (root / name).resolve().is_relative_to(root)


def test_nothing_is_changed_by_a_bad_backup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bad.tar"
    file.write_bytes(GOOD[:-20_000] if len(GOOD) > 30_000 else GOOD[: len(GOOD) // 2])
    for options in (["--check"], ["--data-dir", str(tmp_path / "new")]):
        assert main(["restore", str(file), *options]) == 1
        assert "is cut off" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [file]
