# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The two small documents that hold a bundle together: the signed root, and the index of each volume."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Set, Tuple

from . import fsutil
from .errors import BundleError
from .lock import moment_of
from .names import NAME

FORMAT = 1
ROOT = "root.json"
SIGNATURE = "root.json.asc"  # one armoured signature for each signer, one after the other
INDEX = "index.json"
LOCK = "lock.json"
SBOM = "sbom.cdx.json"
CONTENTS = "contents.txt"
ROOT_LIMIT = 16 << 20  # what is read before a signature vouches for it
SIGNATURE_LIMIT = 1 << 20


@dataclass(frozen=True)
class Volume:
    """What the root says of one volume."""

    name: str
    index: str  # sha256 of its index
    objects: int  # and pieces
    bytes: int


@dataclass(frozen=True)
class Root:
    """What is signed. The counter only rises, so that an older bundle cannot pass for a newer one."""

    name: str
    version: int
    created: str
    expires: str
    lock: str  # sha256
    volumes: Tuple[Volume, ...]
    base: str = ""  # sha256 of the root of the version a delta builds on; empty for a bundle that is complete
    base_version: int = 0
    sbom: str = ""  # sha256
    contents: str = ""  # sha256

    def dump(self) -> bytes:
        return fsutil.dump_lines({"format": FORMAT, **asdict(self)})

    @classmethod
    def parse(cls, data: bytes, what: str) -> Root:
        document = fsutil.load_object(data, what)
        if document.pop("format", None) != FORMAT:
            raise BundleError(f"{what} is not of format {FORMAT}, the only one this version reads.")
        try:
            volumes = tuple(Volume(**volume) for volume in document.pop("volumes"))
            root = cls(volumes=volumes, **document)
            usable = bool(NAME.fullmatch(root.name)) and is_count(root.version) and fsutil.is_sha256(root.lock)
            usable = usable and bool(volumes) and all(_is_usable(volume) for volume in volumes)
            usable = usable and all(digest == "" or fsutil.is_sha256(digest) for digest in (root.sbom, root.contents))
            usable = usable and _has_usable_base(root)
        except (TypeError, KeyError) as error:
            raise BundleError(f"{what} is not a bundle's root: {error}.") from error
        if not usable:
            raise BundleError(f"{what} is not a bundle's root: a value in it is of the wrong kind.")
        for values in ([volume.name for volume in volumes], [volume.index for volume in volumes]):
            if len({value.lower() for value in values}) < len(values):
                raise BundleError(f"{what} is not a bundle's root: it names a volume twice.")
        moment_of(root.created, what), moment_of(root.expires, what)
        return root


def is_count(value: object) -> bool:
    """Whether it is a number of things, and no truth value that passes for one."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_usable(volume: Volume) -> bool:
    counts = is_count(volume.objects) and is_count(volume.bytes)
    named = fsutil.is_safe_relative(volume.name) and "/" not in volume.name
    return counts and named and fsutil.is_sha256(volume.index)


def _has_usable_base(root: Root) -> bool:
    """A delta names the root it builds on, and that one is older than itself."""
    if not is_count(root.base_version):
        return False
    if root.base == "":
        return root.base_version == 0
    return fsutil.is_sha256(root.base) and root.base_version < root.version


def piece_path(sha256: str, number: int) -> str:
    return f"objects/pieces/{sha256}/{number}"


@dataclass(frozen=True)
class Piece:
    """A part of an object that is larger than a volume."""

    of: str  # sha256 of the whole object
    number: int  # from 1
    offset: int
    size: int
    sha256: str  # of the piece

    @property
    def path(self) -> str:
        """Where it lies, relative to its volume."""
        return piece_path(self.of, self.number)


@dataclass(frozen=True)
class Index:
    """What lies on one volume: objects by their hash, files by their path, and pieces of objects too large for one volume."""

    bundle: str
    version: int
    volume: str
    objects: Dict[str, int]
    files: Dict[str, Tuple[str, int]]
    pieces: Tuple[Piece, ...] = ()

    def dump(self) -> bytes:
        objects = [[sha256, size] for sha256, size in sorted(self.objects.items())]
        files = [[path, sha256, size] for path, (sha256, size) in sorted(self.files.items())]
        pieces = [list(asdict(piece).values()) for piece in self.pieces]
        head = {"format": FORMAT, "bundle": self.bundle, "version": self.version, "volume": self.volume}
        return fsutil.dump_lines({**head, "objects": objects, "files": files, "pieces": pieces})

    @classmethod
    def parse(cls, data: bytes, what: str) -> Index:
        document = fsutil.load_object(data, what)
        try:
            objects = dict(document["objects"])
            files = {path: (sha256, size) for path, sha256, size in document["files"]}
            pieces = tuple(Piece(*row) for row in document.get("pieces", []))
            index = cls(document["bundle"], document["version"], document["volume"], objects, files, pieces)
            _check_entries(index, what)
            doubled = len(objects) < len(document["objects"]) or len(files) < len(document["files"])
        except (TypeError, KeyError, ValueError) as error:
            raise BundleError(f"{what} is not the index of a volume: {error}.") from error
        if doubled:
            raise BundleError(f"{what} names an object or a file twice.")
        return index


def _check_entries(index: Index, what: str) -> None:
    for sha256, size in [*index.objects.items(), *index.files.values()]:
        if not fsutil.is_sha256(sha256) or not is_count(size):
            raise BundleError(f"{what} names {sha256!r} with size {size!r}, which is no object.")
    seen: Set[Tuple[str, int]] = set()
    for piece in index.pieces:
        counts = all(is_count(count) for count in (piece.number, piece.offset, piece.size))
        usable = counts and piece.number > 0 and piece.size > 0
        usable = usable and fsutil.is_sha256(piece.of) and fsutil.is_sha256(piece.sha256)
        if not usable or (piece.of, piece.number) in seen:
            raise BundleError(f"{what} names piece {piece.number!r} of {piece.of!r}, which is no piece.")
        seen.add((piece.of, piece.number))
    for path in index.files:
        if not fsutil.is_safe_relative(path) or path.split("/")[0].lower() in ("objects", ROOT, SIGNATURE, INDEX):
            raise BundleError(f"{what} names the path {path!r}, which leads out of its place.")
    _refuse_collisions(list(index.files), what)


def _refuse_collisions(paths: List[str], what: str) -> None:
    """No two paths may be one on a medium that ignores case, and none may be a file and a directory at once."""
    taken: Dict[str, str] = {}
    for path in sorted(paths):
        other = taken.setdefault(path.lower(), path)
        if other != path:
            raise BundleError(f"{what} names the paths {other!r} and {path!r}, which are one on some media.")
    for path in sorted(paths):
        above = path.lower().rpartition("/")[0]
        while above:
            if above in taken:
                raise BundleError(f"{what} names {taken[above]!r} as a file and as the directory of {path!r}.")
            above = above.rpartition("/")[0]


def describe(root: Root) -> Dict[str, Any]:
    """For people and playbooks."""
    return {
        "name": root.name,
        "version": root.version,
        "created": root.created,
        "expires": root.expires,
        "base": root.base,
        "base_version": root.base_version,
        "volumes": [volume.name for volume in root.volumes],
        "objects": sum(volume.objects for volume in root.volumes),
        "bytes": sum(volume.bytes for volume in root.volumes),
    }
