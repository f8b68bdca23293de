# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The two small documents that hold a bundle together: the signed root, and the index of each volume."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, Tuple

from . import fsutil
from .errors import BundleError
from .lock import moment_of
from .names import NAME

FORMAT = 1
ROOT = "root.json"
SIGNATURE = "root.json.asc"
INDEX = "index.json"
LOCK = "lock.json"


@dataclass(frozen=True)
class Volume:
    """What the root says of one volume."""

    name: str
    index: str  # sha256 of its index
    objects: int
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
    base: str = ""  # the root a delta builds on; empty for a bundle that is complete

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
            usable = bool(NAME.fullmatch(root.name)) and _is_count(root.version) and fsutil.is_sha256(root.lock)
            usable = usable and bool(volumes) and all(_is_usable(volume) for volume in volumes)
        except (TypeError, KeyError) as error:
            raise BundleError(f"{what} is not a bundle's root: {error}.") from error
        if not usable:
            raise BundleError(f"{what} is not a bundle's root: a value in it is of the wrong kind.")
        if root.base:
            raise BundleError(
                f"{what} is the root of a delta, which this version cannot use yet. Bring a complete bundle."
            )
        moment_of(root.created, what), moment_of(root.expires, what)
        return root


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_usable(volume: Volume) -> bool:
    return fsutil.is_safe_relative(volume.name) and "/" not in volume.name and fsutil.is_sha256(volume.index)


@dataclass(frozen=True)
class Index:
    """What lies on one volume: objects by their hash, and files by their path."""

    bundle: str
    version: int
    volume: str
    objects: Dict[str, int]
    files: Dict[str, Tuple[str, int]]

    def dump(self) -> bytes:
        objects = [[sha256, size] for sha256, size in sorted(self.objects.items())]
        files = [[path, sha256, size] for path, (sha256, size) in sorted(self.files.items())]
        head = {"format": FORMAT, "bundle": self.bundle, "version": self.version, "volume": self.volume}
        return fsutil.dump_lines({**head, "objects": objects, "files": files})

    @classmethod
    def parse(cls, data: bytes, what: str) -> Index:
        document = fsutil.load_object(data, what)
        try:
            objects = dict(document["objects"])
            files = {path: (sha256, size) for path, sha256, size in document["files"]}
            index = cls(document["bundle"], document["version"], document["volume"], objects, files)
        except (TypeError, KeyError, ValueError) as error:
            raise BundleError(f"{what} is not the index of a volume: {error}.") from error
        _check_entries(index, what)
        return index


def _check_entries(index: Index, what: str) -> None:
    for sha256, size in [*index.objects.items(), *index.files.values()]:
        if not fsutil.is_sha256(sha256) or not _is_count(size):
            raise BundleError(f"{what} names {sha256!r} with size {size!r}, which is no object.")
    for path in index.files:
        if not fsutil.is_safe_relative(path) or path.split("/")[0] in ("objects", ROOT, SIGNATURE, INDEX):
            raise BundleError(f"{what} names the path {path!r}, which leads out of its place.")


def describe(root: Root) -> Dict[str, Any]:
    """For people and playbooks."""
    return {
        "name": root.name,
        "version": root.version,
        "created": root.created,
        "expires": root.expires,
        "volumes": [volume.name for volume in root.volumes],
        "objects": sum(volume.objects for volume in root.volumes),
        "bytes": sum(volume.bytes for volume in root.volumes),
    }
