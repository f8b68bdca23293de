# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Packages indexes: tens of megabytes that are mapped, not loaded, and searched by a table of offsets."""

from __future__ import annotations

import json
import mmap
import os
import re
from bisect import bisect_right
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Dict, Iterator, List, Optional, Tuple, Union

from .. import fsutil
from ..unpack import unpacked
from . import debian

COMPRESSIONS = (".xz", ".gz", "")  # smallest first

_BEFORE, _AFTER = (b" ", b",", b"|"), (b" ", b",", b"|", b"(", b":", b"\n", b"")
_RELATIONS = tuple(
    name.encode()
    for name in (
        "Pre-Depends",
        "Depends",
        "Conflicts",
        "Breaks",
        "Recommends",
        "Suggests",
        "Replaces",
        "Enhances",
        "Provides",
    )
)
_SOURCE = re.compile(r"(?P<name>[a-z0-9][a-z0-9+.-]+)(?:\s+\((?P<version>[^)\s]+)\))?")
_PROVIDED = re.compile(r"(?:^|,)\s*([^\s,(:\[|]+)")  # names alone: what is wrong with the rest is told when it is read
_PACKED_AT_MOST = 200  # times; Debian's indexes come to about 6


@dataclass(frozen=True)
class Package:
    """A package as one index describes it."""

    name: str
    version: str
    stanza: str
    origin: int  # which of the suites, in the order of the sources

    @classmethod
    def read(cls, name: str, stanza: str, origin: int) -> Package:
        return cls(name, _fields(stanza).get("Version", ""), stanza, origin)

    @property
    def fields(self) -> Dict[str, str]:
        return _fields(self.stanza)

    @property
    def source(self) -> Tuple[str, str]:
        """Name and version of the source it was built from: its own, unless it says otherwise."""
        match = _SOURCE.fullmatch(self.fields.get("Source", ""))
        if match is None:
            return self.name, self.version
        return match.group("name"), match.group("version") or self.version

    def relations(self, *names: str) -> List[List[debian.Relation]]:
        return [group for name in names for group in debian.parse_relations(self.fields.get(name, ""))]

    def provides(self) -> Iterator[Tuple[str, str]]:
        """Names and (for a versioned one) versions this package stands for."""
        for group in self.relations("Provides"):
            for relation in group:
                yield relation.name, relation.version


@lru_cache(maxsize=4096)
def _fields(stanza: str) -> Dict[str, str]:
    return debian.parse_stanza(stanza)


class Index:
    """One decompressed Packages file. Kept under the sha256 it had in the signed Release, with its offset table."""

    def __init__(self, path: str, names: Dict[str, List[int]], provided: Dict[str, List[str]]) -> None:
        self.provided = provided
        self._names = names
        self._text = _map(path)

    def stanzas(self, name: str) -> Iterator[str]:
        for start in self._names.get(name, ()):
            end = self._text.find(b"\n\n", start)
            yield self._text[start : end if end >= 0 else len(self._text)].decode("utf-8", "replace").strip("\n")

    def first_mention(self, name: str) -> int:
        """Where the index first speaks of a package, be it in what another one needs or provides; -1 if nowhere."""
        own = min(self._names.get(name, ()), default=-1)
        word = name.encode()
        position = self._text.find(word)
        while position >= 0 and (own < 0 or position < own):
            if self._is_relation(position, len(word)):
                return position
            position = self._text.find(word, position + 1)
        return own

    def _is_relation(self, position: int, length: int) -> bool:
        """Whether a whole name stands there, in a field of relations."""
        before, after = self._text[position - 1 : position], self._text[position + length : position + length + 1]
        start = self._text.rfind(b"\n", 0, position) + 1
        field = self._text[start : start + 16].partition(b":")[0]
        return before in _BEFORE and after in _AFTER and field in _RELATIONS

    @classmethod
    def open(cls, cache: str, sha256: str) -> Optional[Index]:
        """An index that an earlier run kept."""
        base = os.path.join(cache, sha256)
        try:
            with open(f"{base}.table", "rb") as handle:
                table = json.loads(handle.read())
            whole = os.path.getsize(f"{base}.packages") == table["size"]  # it is not, where the power failed on the way
            return cls(f"{base}.packages", table["names"], table["provided"]) if whole else None
        except (OSError, ValueError, KeyError):
            return None

    @classmethod
    def build(cls, cache: str, sha256: str, compressed: str, ending: str, *, limit: Optional[int] = None) -> Index:
        """Decompress a verified index and scan it once. It is no larger than the Release says, or than indexes ever are."""
        fsutil.make_directory(cache)
        base = os.path.join(cache, sha256)
        fresh = f"{base}.new"
        most = limit if limit is not None else os.path.getsize(compressed) * _PACKED_AT_MOST + fsutil.CHUNK
        scan = _Scan()
        try:
            with open(fresh, "wb") as sink:
                for piece in _ahead(unpacked(compressed, ending=ending, limit=most, what=f"the index {compressed}")):
                    sink.write(piece)
                    scan.feed(piece)
            os.replace(fresh, f"{base}.packages")
        finally:
            fsutil.remove(fresh)
        names, provided = scan.end()
        table = {"size": os.path.getsize(f"{base}.packages"), "names": names, "provided": provided}
        fsutil.write_atomic(f"{base}.table", json.dumps(table).encode())
        return cls(f"{base}.packages", names, provided)


def _ahead(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, each of them made while the one before it is looked at."""
    with ThreadPoolExecutor(1) as aside:
        coming = aside.submit(next, pieces, b"")
        while piece := coming.result():
            coming = aside.submit(next, pieces, b"")
            yield piece


def _map(path: str) -> Union[bytes, mmap.mmap]:
    with open(path, "rb") as handle:
        if os.fstat(handle.fileno()).st_size == 0:
            return b""  # an empty file cannot be mapped
        return mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)


class _Scan:
    """Offsets of the stanzas of each name, and who provides which name. Two walks of plain searches, no regex."""

    def __init__(self) -> None:
        self.names: Dict[str, List[int]] = {}
        self.provided: Dict[str, List[str]] = {}
        self._rest = b""  # the beginning of a stanza whose end has not come yet
        self._offset = 0  # where it starts

    def feed(self, piece: bytes) -> None:
        text = self._rest + piece
        whole = text.rfind(b"\n\n") + 2
        if whole >= 2:
            self._walk(text[:whole])
            text = text[whole:]
            self._offset += whole
        self._rest = text

    def end(self) -> Tuple[Dict[str, List[int]], Dict[str, List[str]]]:
        self._walk(self._rest)
        self.names.pop("", None)
        return self.names, self.provided

    def _walk(self, text: bytes) -> None:
        starts: List[int] = []
        owners: List[str] = []
        start = 0
        while start < len(text):
            end = text.find(b"\n\n", start)
            end = end if end >= 0 else len(text)
            name = _name_at(text, start, end)
            self.names.setdefault(name, []).append(self._offset + start)
            starts.append(start)
            owners.append(name)
            start = end + 2
        position = text.find(b"\nProvides:")
        while position >= 0:
            owner = owners[bisect_right(starts, position) - 1]
            end = text.find(b"\n", position + 1)
            self._provide(owner, text[position + 10 : end if end >= 0 else len(text)].decode("utf-8", "replace"))
            position = text.find(b"\nProvides:", position + 1)

    def _provide(self, owner: str, line: str) -> None:
        for name in _PROVIDED.findall(line):
            users = self.provided.setdefault(name, [])
            if owner and owner not in users:
                users.append(owner)


def _name_at(text: bytes, start: int, end: int) -> str:
    """The Package field of one stanza, which nearly always is its first."""
    if text[start : start + 9] != b"Package: ":
        line = text.find(b"\nPackage: ", start, end)
        if line < 0:
            return ""
        start = line + 1
    line_end = text.find(b"\n", start, end)
    return text[start + 9 : line_end if line_end >= 0 else end].decode("utf-8", "replace").strip()
