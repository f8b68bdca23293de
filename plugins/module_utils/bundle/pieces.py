# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Objects larger than a volume: cut into pieces on the connected side, joined again on the other."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Sequence

from . import fsutil
from .errors import BundleError
from .manifest import Piece


@dataclass(frozen=True)
class Part:
    """A piece, and the file it can be read from."""

    piece: Piece
    path: str


def chain(parts: Sequence[Part], size: int) -> Optional[List[Part]]:
    """The parts that make up a whole object, in order; None while one is missing."""
    by_offset = {part.piece.offset: part for part in parts}
    found: List[Part] = []
    position = 0
    while position < size:
        part = by_offset.get(position)
        if part is None:
            return None
        found.append(part)
        position += part.piece.size
    return found if position == size else None


def join(parts: Sequence[Part], target: str, *, sha256: str, size: int) -> None:
    """Put an object together, hashing in the same read. It appears under its name only when it is the promised one."""
    whole = chain(parts, size)
    if whole is None:
        raise BundleError(f"Object {sha256} is not complete: pieces of it are missing. Give the other volumes too.")
    fresh = f"{target}.new"
    digest = hashlib.sha256()
    fsutil.make_directory(os.path.dirname(target))
    with open(fresh, "wb") as writer:
        for part in whole:
            with fsutil.open_plain(part.path) as reader:
                fsutil.sha256_stream(reader, _both(digest.update, writer.write))
        writer.flush()
        os.fsync(writer.fileno())
    if (digest.hexdigest(), os.stat(fresh).st_size) != (sha256, size):
        fsutil.remove(fresh)
        raise BundleError(f"{_damaged(whole)} is damaged: its object {sha256} does not come together. Copy it again.")
    os.chmod(fresh, 0o444)
    os.replace(fresh, target)


def _both(first: Callable[[bytes], object], second: Callable[[bytes], object]) -> Callable[[bytes], None]:
    def take(data: bytes) -> None:
        first(data)
        second(data)

    return take


def _damaged(parts: Sequence[Part]) -> str:
    """Which piece is to blame: its own hash tells."""
    for part in parts:
        if fsutil.sha256_file(part.path) != (part.piece.sha256, part.piece.size):
            return part.path
    return parts[0].path


class Kept:
    """Pieces that came in on one medium and wait for the rest: one file each, whose name tells what it is."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def take(self, part: Part) -> bool:
        """Copy a piece in, hashing on the way. Returns whether it was new."""
        piece = part.piece
        target = os.path.join(self.directory, piece.of, f"{piece.number}-{piece.offset}-{piece.size}-{piece.sha256}")
        if fsutil.size_of(target) == piece.size:
            return False
        fsutil.make_directory(os.path.dirname(target))
        fsutil.copy_verified(part.path, target, sha256=piece.sha256, size=piece.size)
        return True

    def parts(self) -> Dict[str, List[Part]]:
        """All that wait, by the object they are of."""
        found: Dict[str, List[Part]] = {}
        for sha256 in sorted(os.listdir(self.directory)) if os.path.isdir(self.directory) else ():
            folder = os.path.join(self.directory, sha256)
            for name in sorted(os.listdir(folder)):
                fields = name.split("-")
                if len(fields) == 4 and fsutil.is_sha256(fields[3]) and all(text.isdigit() for text in fields[:3]):
                    number, offset, size = (int(text) for text in fields[:3])
                    part = Part(Piece(sha256, number, offset, size, fields[3]), os.path.join(folder, name))
                    found.setdefault(sha256, []).append(part)
        return found

    def forget(self, sha256: str) -> None:
        """Remove what waited for an object that has come together, or is not wanted any more."""
        folder = os.path.join(self.directory, sha256)
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            os.unlink(os.path.join(folder, name))
        if os.path.isdir(folder):
            os.rmdir(folder)
