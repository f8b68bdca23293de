# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Reads compressed tar archives of strangers: in one pass, within limits, and without unpacking anything."""

from __future__ import annotations

import gzip
import posixpath
import tarfile
import zlib
from dataclasses import dataclass, field
from typing import IO, Any, Callable, Dict, Iterator, Optional, Tuple

from . import fsutil
from .errors import BundleError

_LIMIT = 8 << 30  # of all that is unpacked
_HEADER_LIMIT = 1 << 20  # of one extended header, which tarfile reads into memory
_EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class _Header(tarfile.TarInfo):
    """A header that is refused before what it announces is read."""

    @classmethod
    def frombuf(cls, *args: Any, **kwargs: Any) -> tarfile.TarInfo:  # type: ignore[override]
        header = super().frombuf(*args, **kwargs)
        if header.type in _EXTENDED and header.size > _HEADER_LIMIT:
            raise tarfile.ReadError("a header in it is too long")
        return header


class _Bounded:
    """A decompressed stream that ends with an error rather than never."""

    def __init__(self, source: IO[bytes], limit: int) -> None:
        self.source = source
        self.left = limit

    def read(self, size: int) -> bytes:
        data = self.source.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise tarfile.ReadError("it unpacks to more than any archive of its kind has")
        return data


def walk(path: str, *, what: str, limit: int = _LIMIT) -> Iterator[Tuple[tarfile.TarInfo, Optional[IO[bytes]]]]:
    """Every member in order, and what a regular file holds, to be read before the next one is asked for."""
    with fsutil.open_plain(path) as handle:
        try:
            with gzip.GzipFile(fileobj=handle) as plain:
                source: Any = _Bounded(plain, limit)  # type: ignore[arg-type]
                with tarfile.open(fileobj=source, mode="r|", tarinfo=_Header) as archive:
                    for member in archive:
                        archive.members = []  # type: ignore[attr-defined]  # else it remembers them all
                        yield member, archive.extractfile(member) if member.isreg() else None
        except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError) as error:
            raise BundleError(f"{what} is not a usable .tar.gz: {error}.") from error


def content(member: tarfile.TarInfo, stream: Optional[IO[bytes]], *, limit: int, what: str) -> bytes:
    """A small member as bytes."""
    if stream is None or member.size > limit:
        raise BundleError(f"{what}: {member.name} is not a file of {limit} bytes at most.")
    return stream.read()


def find(path: str, wanted: Callable[[str], bool], *, limit: int, what: str) -> Optional[bytes]:
    """The first member with a wanted name."""
    for member, stream in walk(path, what=what):
        if wanted(member.name):
            return content(member, stream, limit=limit, what=what)
    return None


@dataclass
class Listing:
    """What an archive holds: sha256 by name (empty for a link), where links point, and the small files that were asked for."""

    sums: Dict[str, str] = field(default_factory=dict)
    links: Dict[str, str] = field(default_factory=dict)
    kept: Dict[str, bytes] = field(default_factory=dict)


def listing(path: str, keep: Dict[str, int], *, what: str) -> Listing:
    """All but the directories of an archive. What to keep is given by name, each with its limit."""
    found = Listing()
    for member, stream in walk(path, what=what):
        name = member.name[2:] if member.name.startswith("./") else member.name
        if name in found.sums:
            raise BundleError(f"{what} has two members with the name {name!r}.")
        if name in keep:
            found.kept[name] = content(member, stream, limit=keep[name], what=what)
            found.sums[name] = fsutil.sha256_bytes(found.kept[name])
        elif member.issym() or member.islnk():
            base = posixpath.dirname(name) if member.issym() else ""
            found.links[name] = posixpath.normpath(posixpath.join(base, member.linkname))
            found.sums[name] = ""
        elif not member.isdir():
            found.sums[name] = fsutil.sha256_stream(stream)[0] if stream is not None else ""  # type: ignore[arg-type]
    return found
