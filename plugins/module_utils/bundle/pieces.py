# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Objects larger than a volume: cut into pieces on the connected side, joined again on the other."""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from typing import AbstractSet, BinaryIO, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from . import fsutil
from .errors import BundleError
from .manifest import Piece
from .store import Store
from .volumes import Cut, Plan


@dataclass(frozen=True)
class Part:
    """A piece, and the file it can be read from."""

    piece: Piece
    path: str


def chain(parts: Sequence[Part], size: int) -> Optional[List[Part]]:
    """The parts that make up a whole object, in order; None while one is missing.

    An object may have been cut in several ways, for media of several sizes. Of two pieces that do as well the later one counts.
    """
    rests: Dict[int, List[Part]] = {size: []}  # what there is from an offset to the end
    for part in sorted(parts, key=lambda part: -part.piece.offset):
        rest = rests.get(part.piece.offset + part.piece.size)
        if rest is not None and part.piece.size > 0:
            rests[part.piece.offset] = [part, *rest]
    return rests.get(0)


def join(parts: Sequence[Part], target: str, *, sha256: str, size: int) -> None:
    """Put an object together, hashing in the same read. It appears under its name only when it is the promised one."""
    whole = chain(parts, size)
    if whole is None:
        raise BundleError(f"Object {sha256} is not complete: pieces of it are missing. Give the other volumes too.")
    fresh = f"{target}.new"
    digest = hashlib.sha256()
    fsutil.make_directory(os.path.dirname(target))
    with _writing(fresh) as writer:
        for part in whole:
            with fsutil.open_plain(part.path) as reader:
                _copy_part(reader, part.piece.size, [digest.update, writer.write])
    if (digest.hexdigest(), os.stat(fresh).st_size) != (sha256, size):
        fsutil.remove(fresh)
        raise BundleError(f"{_damaged(whole)} is damaged: its object {sha256} does not come together. Copy it again.")
    os.replace(fresh, target)


def _damaged(parts: Sequence[Part]) -> str:
    """Which piece is to blame: its own hash tells."""
    return next((part.path for part in parts if not _is_whole(part)), parts[0].path)


def _is_whole(part: Part) -> bool:
    return fsutil.sha256_file(part.path) == (part.piece.sha256, part.piece.size)


def cut_all(
    store: Store,
    plans: Sequence[Plan],
    targets: Mapping[Tuple[str, int], str],
    known: Mapping[Tuple[str, int, int], Piece],
    fetched: AbstractSet[str],
) -> Tuple[Dict[str, List[Piece]], bool]:
    """Cut what is larger than a volume. Returns the pieces of each volume, and whether any was written.

    targets says where pieces go, by object and number; known are pieces whose hash is known from before.
    """
    volumes = {(cut.of, cut.number): plan.name for plan in plans for cut in plan.cuts}
    objects: Dict[str, List[Cut]] = {}
    for cut in sorted((cut for plan in plans for cut in plan.cuts), key=lambda cut: (cut.of, cut.number)):
        objects.setdefault(cut.of, []).append(cut)
    found: Dict[str, List[Piece]] = {}
    wrote = False
    for sha256, cuts in objects.items():
        absent = {
            cut.number: targets[sha256, cut.number]
            for cut in cuts
            if (sha256, cut.number) in targets
            and (sha256 in fetched or fsutil.size_of(targets[sha256, cut.number]) != cut.size)
        }
        digests = {
            cut.number: known[key].sha256 for cut in cuts for key in [(sha256, cut.offset, cut.size)] if key in known
        }
        if absent or len(digests) < len(cuts):
            digests = _cut(store.path(sha256), cuts, absent)
        wrote |= bool(absent)
        for cut in cuts:
            piece = Piece(sha256, cut.number, cut.offset, cut.size, digests[cut.number])
            found.setdefault(volumes[sha256, cut.number], []).append(piece)
    return found, wrote


def _cut(source: str, cuts: Sequence[Cut], targets: Mapping[int, str]) -> Dict[int, str]:
    """One read of the object for the hashes of all pieces, of which those with a target are written."""
    digests: Dict[int, str] = {}
    whole = hashlib.sha256()
    for target in targets.values():
        fsutil.make_directory(os.path.dirname(target))
    with fsutil.open_plain(source) as reader:
        for cut in cuts:
            digest = hashlib.sha256()
            with contextlib.ExitStack() as stack:
                sinks: List[Callable[[bytes], object]] = [whole.update, digest.update]
                if cut.number in targets:
                    sinks.append(stack.enter_context(_writing(f"{targets[cut.number]}.new")).write)
                _copy_part(reader, cut.size, sinks)
            digests[cut.number] = digest.hexdigest()
    if whole.hexdigest() != cuts[0].of:
        for target in targets.values():
            fsutil.remove(f"{target}.new")
        raise BundleError(f"{source} is damaged. Run again with full verification, so that it is fetched again.")
    for target in targets.values():
        os.replace(f"{target}.new", target)
    return digests


@contextlib.contextmanager
def _writing(path: str) -> Iterator[BinaryIO]:
    with fsutil.leaving_nothing(path), open(path, "wb") as writer:
        yield writer
        writer.flush()
        os.fsync(writer.fileno())
        os.fchmod(writer.fileno(), 0o444)


def _copy_part(reader: BinaryIO, size: int, sinks: Sequence[Callable[[bytes], object]]) -> None:
    left = size
    while left:
        data = reader.read(min(fsutil.CHUNK, left))
        if not data:
            return  # shorter than it should be: the hash will tell
        for sink in sinks:
            sink(data)
        left -= len(data)


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

    def drop_damaged(self, sha256: str) -> bool:
        """Remove pieces of an object that are not what they were when they came in. Returns whether there were such."""
        gone = [part.path for part in self.parts().get(sha256, ()) if not _is_whole(part)]
        for path in gone:
            os.unlink(path)
        return bool(gone)

    def forget(self, sha256: str) -> None:
        """Remove what waited for an object that has come together, or is not wanted any more."""
        folder = os.path.join(self.directory, sha256)
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            os.unlink(os.path.join(folder, name))
        if os.path.isdir(folder):
            os.rmdir(folder)
