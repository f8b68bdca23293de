# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that drip, and downloads that nobody knows the end of."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any, Iterator, List, Tuple

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import pace
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fetch import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fsutil import sha256_bytes
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.pace import Pace, TransientError, _Steady
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources import collections
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources import file as file_source
from ansible_collections.fieldops.mattermost.tests.unit.loopback import Loopback
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

DATA = bytes(range(256)) * 16
SHA = sha256_bytes(DATA)


class Dripping(Loopback):
    """Sends DATA: at once, byte by byte from the middle on, or not even the head at once."""

    def __init__(self, *how: str) -> None:
        self.how = list(how)
        self.asked: List[str] = []
        self.listen()

    def answer(self, handler: Any) -> None:
        asked = handler.headers.get("Range", "")
        self.asked.append(asked)
        how = self.how.pop(0) if self.how else "at once"
        start = int(asked[len("bytes=") : -1]) if asked else 0
        status, more = ("206 Partial", f"Content-Range: bytes {start}-4095/4096\r\n") if asked else ("200 OK", "")
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(DATA) - start}\r\n{more}\r\n".encode()
        fast = {"at once": head + DATA[start:], "body": head + DATA[start:2048], "head": b"", "steady": head}[how]
        slow = (head + DATA[start:])[len(fast) :]
        handler.wfile.write(fast)
        step, pause = (256, 0.03) if how == "steady" else (1, 0.02)
        for position in range(0, len(slow), step):
            time.sleep(pause)
            handler.wfile.write(slow[position : position + step])


@pytest.fixture
def serve() -> Iterator[Any]:
    made: List[Dripping] = []

    def start(*how: str) -> Dripping:
        made.append(Dripping(*how))
        return made[-1]

    yield start
    for server in made:
        server.stop()


def client(pauses: List[float], rate: float = 1000) -> Client:
    return Client(attempts=3, sleep=pauses.append, pace=Pace(rate=rate, seconds=0.25))


@pytest.mark.parametrize("how", ["body", "head"])
def test_one_that_drips_is_given_up(serve: Any, tmp_path: Path, pauses: List[float], how: str) -> None:
    server = serve(*[how] * 3)
    begun = time.monotonic()
    with pytest.raises(
        BundleError, match=r"/x: only \d+ bytes came in \d+ seconds, less than 1e\+06 a second\. Gave up after 3"
    ):
        client(pauses, rate=1e6).download(f"{server.url}/x", str(tmp_path / "part"), sha256=SHA, size=len(DATA))
    assert pauses == [0.5, 1.0] and time.monotonic() - begun < 10


def test_a_small_thing_that_drips(serve: Any, pauses: List[float]) -> None:
    server = serve("body", "at once")
    assert client(pauses, rate=1e6).get(f"{server.url}/x").body == DATA
    assert pauses == [0.5]


def test_one_that_dripped_once_is_asked_again(serve: Any, tmp_path: Path, pauses: List[float]) -> None:
    server = serve("head", "at once")
    part = tmp_path / "part"
    assert client(pauses).download(f"{server.url}/x", str(part), sha256=SHA, size=len(DATA)).sha256 == SHA
    assert part.read_bytes() == DATA and pauses == [0.5] and server.asked == ["", ""]


def test_a_slow_but_steady_one_is_let_alone(serve: Any, tmp_path: Path, pauses: List[float]) -> None:
    server = serve("steady")
    assert (
        client(pauses, rate=100).download(f"{server.url}/x", str(tmp_path / "part"), sha256=SHA, size=len(DATA)).sha256
        == SHA
    )
    assert pauses == [], "about 8000 bytes a second, for longer than the pace is looked at"


class Source(io.RawIOBase):
    """Gives so many bytes after so many seconds, by a clock of its own."""

    def __init__(self, *rows: Tuple[int, float]) -> None:
        self.rows = list(rows)
        self.now = 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count, seconds = self.rows.pop(0) if self.rows else (0, 0.0)
        self.now += seconds
        buffer[:count] = b"x" * count
        return count


def steady(monkeypatch: pytest.MonkeyPatch, *rows: Tuple[int, float]) -> Tuple[Source, _Steady]:
    source = Source(*rows)
    monkeypatch.setattr(pace.time, "monotonic", lambda: source.now)
    return source, _Steady(source, Pace(rate=100, seconds=10))


def test_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each stretch of ten seconds counts for itself, and what was sent before does not help."""
    _source, reader = steady(monkeypatch, (5000, 5.0), (5, 5.0), (999, 9.0), (1, 1.0), (99, 9.9), (0, 0.2))
    for _read in range(5):
        assert reader.readinto(bytearray(8192))
    with pytest.raises(TransientError, match=r"^only 99 bytes came in 10 seconds, less than 100 a second$"):
        reader.readinto(bytearray(8192))


def test_a_user_who_is_slow_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    source, reader = steady(monkeypatch, (10, 1.0), (10, 1.0), (10, 1.0))
    for _read in range(3):
        assert reader.readinto(bytearray(10)) == 10
        source.now += 1000
    reader.close()
    assert source.closed


@pytest.mark.parametrize("known", [True, False])
def test_no_further_than_the_limit(serve: Any, tmp_path: Path, pauses: List[float], known: bool) -> None:
    server, part = serve(), tmp_path / "part"
    told: List[int] = []
    if not known:
        server.answer = without_length  # type: ignore[method-assign]
    with pytest.raises(BundleError, match=r"^Cannot fetch .*/x: it is larger than the 4095 bytes expected at most"):
        client(pauses).download(f"{server.url}/x", str(part), limit=len(DATA) - 1, tell=told.append)
    assert pauses == [] and not part.exists()
    assert (told == []) is known, "where the server says how large it is, nothing is fetched"
    assert client(pauses).download(f"{server.url}/x", str(part), limit=len(DATA)).size == len(DATA)
    assert client(pauses).download(f"{server.url}/x", str(part), limit=1, size=len(DATA)).size == len(DATA), (
        "it is known"
    )


def without_length(handler: Any) -> None:
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + DATA)


def test_a_file_of_this_machine_has_the_same_limit(tmp_path: Path, pauses: List[float]) -> None:
    source, part = tmp_path / "file", tmp_path / "part"
    source.write_bytes(DATA)
    with pytest.raises(BundleError, match=rf"^Cannot fetch {source}: it is larger than the 4095 bytes"):
        client(pauses).download(str(source), str(part), limit=len(DATA) - 1)
    assert client(pauses).download(str(source), str(part), limit=len(DATA)).sha256 == SHA


def test_a_file_of_a_bom(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    side.bom = {"name": "site", "files": [side.file("x", DATA, unverified={"reason": "a test"})]}
    monkeypatch.setattr(file_source, "_LIMIT", len(DATA) - 1)
    with pytest.raises(BundleError, match=r"it is larger than the 4095 bytes expected at most of such a file"):
        side.lock()
    monkeypatch.setattr(file_source, "_LIMIT", len(DATA))
    assert [item.size for item in side.lock().lock.items] == [len(DATA)]


def test_a_collection_of_a_bom(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    row = side.file("x", DATA)
    side.bom = {
        "name": "site",
        "collections": [{"name": "a.b", "source": side.file("a-b-1.tar.gz", DATA)["url"], "sha256": row["sha256"]}],
    }
    monkeypatch.setattr(collections, "_LIMIT", len(DATA) - 1)
    with pytest.raises(BundleError, match=r"it is larger than the 4095 bytes expected at most of such a file"):
        side.lock()
