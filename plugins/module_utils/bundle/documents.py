# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What lies on every volume besides objects: lock, SBOM, contents, and an apt index of the packages that are on it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, Mapping, Sequence, Tuple

from . import aptrepo, fsutil, manifest
from .contents import Delta, render_contents
from .errors import BundleError
from .lock import Item, Lock, Repository
from .manifest import Index, Piece, Root
from .openpgp import SigningKey, split_clearsigned
from .sbom import render_sbom
from .store import object_path
from .volumes import BLOCK, Plan, blocks

_APT_ROOM = 8 * BLOCK  # directories and signature of one apt repository


@dataclass(frozen=True)
class AptGroup:
    """An apt repository of the lock, and what upstream says of its packages."""

    repository: Repository
    items: List[Item]
    stanzas: Dict[str, str]


class Documents:
    """Made from the lock and what the bundle builds on; which packages an apt index names depends on the volume."""

    def __init__(self, lock: Lock, delta: Delta, read: Callable[[str], bytes]) -> None:
        self.lock = lock
        self.delta = delta
        data = lock.dump()
        digest = fsutil.sha256_bytes(data)
        self.common = {
            manifest.LOCK: data,
            manifest.SBOM: render_sbom(lock, digest),
            manifest.CONTENTS: render_contents(lock, digest, delta),
        }
        self.groups = [
            AptGroup(
                repository,
                lock.items_of(repository),
                aptrepo.read_stanzas(lock, repository, read(repository.stanzas)),
            )
            for repository in lock.repositories
            if repository.kind == "apt"
        ]

    def digest(self, name: str) -> str:
        return fsutil.sha256_bytes(self.common[name])

    def room(self) -> int:
        """What these take on each volume, but for the lines about the objects that are on it."""
        return sum(blocks(len(data)) for data in self.common.values()) + _APT_ROOM * len(self.groups)

    def told(self) -> Dict[str, int]:
        """For each package how many bytes the apt indexes say of it."""
        found: Dict[str, int] = {}
        for group in self.groups:
            for sha256, stanza in group.stanzas.items():
                found[sha256] = found.get(sha256, 0) + len(stanza.encode()) + len(object_path(sha256)) + 16
        return found

    def apt(self, objects: Mapping[str, int]) -> Iterator[Tuple[str, bytes, bool]]:
        """For each repository its index and its Release file, with their places, and whether it has to be signed."""
        lock = self.lock
        for group in self.groups:
            items = [item for item in group.items if item.sha256 in objects]
            packages = aptrepo.render_packages(items, group.stanzas, lambda item: object_path(item.sha256))
            path = aptrepo.packages_path(group.repository.architecture)
            release = aptrepo.render_release(
                name=group.repository.name,
                origin=lock.name,
                architecture=group.repository.architecture,
                files={path: packages},
                date=lock.created_at,
                valid_until=lock.expires_at,
            )
            base = f"dists/{group.repository.name}"
            yield f"{base}/{path}", packages, False
            yield f"{base}/InRelease", release, True


class Standing:
    """What this key signed at the same place before: its signatures and the hashes of pieces need not be made again."""

    def __init__(self, directory: str, key: SigningKey) -> None:
        self.key = key
        self.signatures: Dict[bytes, bytes] = {}  # by root, the one of most signers
        self.roots: Dict[bytes, Root] = {}
        self.indexes: Dict[str, Tuple[str, Index]] = {}
        seen: Dict[Tuple[bytes, bytes], bool] = {}
        for name in volumes_at(directory):
            path = os.path.join(directory, name)
            pair = (_read(path, manifest.ROOT), _read(path, manifest.SIGNATURE))
            if pair not in seen:
                seen[pair] = bool(pair[1]) and key.is_good(pair[0], pair[1], clear=False)
            if seen[pair]:
                self._take(name, path, *pair)

    def _take(self, name: str, path: str, root_data: bytes, signature: bytes) -> None:
        data = _read(path, manifest.INDEX)
        try:
            self.roots[root_data] = Root.parse(root_data, path)
            self.signatures[root_data] = max(self.signatures.get(root_data, b""), signature, key=len)
            if fsutil.sha256_bytes(data) in {volume.index for volume in self.roots[root_data].volumes}:
                self.indexes[name] = (path, Index.parse(data, path))
        except BundleError:  # of another format, say; it is made anew
            return

    def sign_root(self, root: bytes, moment: int) -> bytes:
        """The signature that is there, with those of others who signed the same root."""
        return self.signatures.get(root) or self.key.sign(root, clear=False, moment=moment)

    def sign_release(self, volume: str, name: str, release: bytes, moment: int) -> bytes:
        """The signed file that lies on the volume already, if it says the same."""
        path, index = self.indexes.get(volume, ("", None))
        if index is not None and name in index.files:
            data = _read(path, name)
            if (fsutil.sha256_bytes(data), len(data)) == index.files[name]:
                text = split_clearsigned(data, what=os.path.join(path, name))[0]
                if text.rstrip(b"\n") == release.rstrip(b"\n"):
                    return data
        return self.key.sign(release, clear=True, moment=moment)

    def pieces(self) -> Dict[Tuple[str, int, int], Piece]:
        """Pieces whose hash was signed, by object, offset and size."""
        known = (piece for _path, index in self.indexes.values() for piece in index.pieces)
        return {(piece.of, piece.offset, piece.size): piece for piece in known}

    def contradicts(self, root: Root) -> bool:
        """Whether volumes of the same version, but of another root, are there."""
        return any(other.version == root.version and other != root for other in self.roots.values())

    def fits(self, plans: Sequence[Plan], version: int) -> bool:
        """Whether volumes of this version that are there hold what is planned for them now."""
        planned = {plan.name: plan.paths() for plan in plans}
        for name, (_path, index) in self.indexes.items():
            paths = {object_path(sha256): size for sha256, size in index.objects.items()}
            paths.update({piece.path: piece.size for piece in index.pieces})
            if index.version == version and planned.get(name) != paths:
                return False
        return True


def volumes_at(directory: str) -> List[str]:
    """Names of the volumes in a bundle's directory."""
    names = os.listdir(directory) if os.path.isdir(directory) else []
    return sorted(name for name in names if name.startswith("volume-"))


def _read(path: str, name: str) -> bytes:
    """A file of a volume, or nothing where there is none."""
    place = os.path.join(path, name)
    return fsutil.read_plain(place) if fsutil.size_of(place) is not None else b""
