# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Reading a medium: nothing on it is believed before the signature of its root, and nothing is used unhashed."""

from __future__ import annotations

import glob
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Dict, Iterator, List, Sequence, Tuple

from . import fsutil, manifest
from .errors import BundleError, told_plainly
from .lock import Lock, moment_of
from .manifest import Index, Root
from .openpgp import Keyring
from .store import object_path

THREADS = 4


@dataclass
class Findings:
    """What is wrong with the pieces of a volume, by their path on it."""

    missing: List[str] = field(default_factory=list)
    damaged: List[str] = field(default_factory=list)
    unexpected: List[str] = field(default_factory=list)

    def sentences(self) -> List[str]:
        told = []
        for what, paths in (("missing", self.missing), ("damaged", self.damaged), ("unexpected", self.unexpected)):
            if paths:
                more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
                told.append(f"{what}: {', '.join(paths[:5])}{more}")
        return told

    def refuse(self, volume: str) -> None:
        if self.sentences():
            raise BundleError(
                f"The volume {volume} is not what was signed; nothing of it may be used. {'; '.join(self.sentences())}. "
                "Copy it again from its source."
            )


@dataclass(frozen=True)
class Opened:
    """A volume whose root, index and lock are verified. Its objects are not yet."""

    path: str
    root: Root
    root_sha256: str
    index: Index
    lock: Lock
    signers: Tuple[str, ...]
    documents: Dict[str, bytes]  # root, signature and lock as they were verified

    def object_path(self, sha256: str) -> str:
        return os.path.join(self.path, object_path(sha256))

    def check(self, *, full: bool) -> Findings:
        """Compare what lies there with the index: every hash, or names and sizes (of the small files hashes too)."""
        wanted: Dict[str, Tuple[str, int]] = {
            object_path(sha256): (sha256, size) for sha256, size in self.index.objects.items()
        }
        small = set(self.index.files)
        wanted.update(self.index.files)
        findings = Findings()
        present: Dict[str, int] = {}
        for name, size in _walk(self.path, findings):
            present[name] = size
        known = {*wanted, manifest.ROOT, manifest.SIGNATURE, manifest.INDEX}
        findings.unexpected += sorted(set(present) - known)
        findings.missing += sorted(set(wanted) - set(present) - set(findings.unexpected))
        findings.damaged += sorted(name for name in present if name in wanted and present[name] != wanted[name][1])
        to_hash = [name for name in wanted if present.get(name) == wanted[name][1] and (full or name in small)]
        to_hash.sort(key=lambda name: -wanted[name][1])
        with ThreadPoolExecutor(THREADS) as pool:
            digests = list(pool.map(lambda name: fsutil.sha256_file(os.path.join(self.path, name))[0], to_hash))
        findings.damaged += [name for name, digest in zip(to_hash, digests) if digest != wanted[name][0]]
        return findings


def _walk(top: str, findings: Findings, below: str = "") -> Iterator[Tuple[str, int]]:
    """Plain files and their sizes. Links and devices are reported and never followed."""
    with os.scandir(os.path.join(top, below)) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            name = f"{below}/{entry.name}" if below else entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(top, findings, name)
            elif entry.is_file(follow_symlinks=False):
                yield name, entry.stat(follow_symlinks=False).st_size
            else:
                findings.unexpected.append(name)


def find_volumes(path: str) -> List[str]:
    """Directories of volumes at a path: it is one, or it holds some, or it holds bundles that do."""
    for pattern in ("", "volume-*", "*/volume-*"):
        found = sorted(glob.glob(os.path.join(glob.escape(path), pattern, manifest.ROOT)))
        if found:
            return [os.path.dirname(root) for root in found]
    raise BundleError(
        f"There is no bundle at {path}: neither it nor a volume in it has a {manifest.ROOT}. Is the medium mounted?"
    )


def open_volume(path: str, keyring: Keyring, *, now: float, allow_expired: bool = False) -> Opened:
    """Verify from the signature inwards: root, expiry, index, lock."""
    root_data = fsutil.read_plain(os.path.join(path, manifest.ROOT))
    signature = fsutil.read_plain(os.path.join(path, manifest.SIGNATURE))
    where = os.path.join(path, manifest.ROOT)
    signers = keyring.verify_detached(root_data, signature, what=where)
    root = Root.parse(root_data, where)
    if now > moment_of(root.expires, where) and not allow_expired:
        raise BundleError(
            f"The bundle {root.name} at {path} expired on {root.expires}. Bring a newer one, or allow expired bundles."
        )
    index_data = fsutil.read_plain(os.path.join(path, manifest.INDEX))
    digest = fsutil.sha256_bytes(index_data)
    named = [volume for volume in root.volumes if volume.index == digest]
    if not named:
        raise BundleError(
            f"{os.path.join(path, manifest.INDEX)} is damaged, or of another bundle: the signed root does not name it."
        )
    index = Index.parse(index_data, os.path.join(path, manifest.INDEX))
    lock_data = _read_lock(path, root)
    lock = Lock.parse(lock_data, os.path.join(path, manifest.LOCK))
    if (index.bundle, index.version, index.volume) != (root.name, root.version, named[0].name):
        raise BundleError(f"The index of {path} is of another bundle than its root.")
    documents = {manifest.ROOT: root_data, manifest.SIGNATURE: signature, manifest.LOCK: lock_data}
    return Opened(path, root, fsutil.sha256_bytes(root_data), index, lock, tuple(signers), documents)


def _read_lock(path: str, root: Root) -> bytes:
    where = os.path.join(path, manifest.LOCK)
    data = fsutil.read_plain(where)
    if fsutil.sha256_bytes(data) != root.lock:
        raise BundleError(f"{where} is damaged: the signed root names another content.")
    return data


@dataclass(frozen=True)
class Inspection:
    """What a medium holds."""

    volumes: Sequence[Opened]
    missing_volumes: Sequence[str]


@told_plainly
def inspect(path: str, keyring: Keyring, *, now: float, allow_expired: bool = False, full: bool = True) -> Inspection:
    """Every volume of one bundle at a path, verified. Without full, objects are left to whoever hashes them while copying."""
    opened = [open_volume(volume, keyring, now=now, allow_expired=allow_expired) for volume in find_volumes(path)]
    roots = {volume.root_sha256: volume.root for volume in opened}
    if len(roots) > 1:
        names = ", ".join(f"{root.name} version {root.version}" for root in roots.values())
        raise BundleError(f"{path} holds several bundles ({names}); name the directory of one.")
    for volume in opened:
        volume.check(full=full).refuse(volume.path)
    there = {volume.index.volume for volume in opened}
    return Inspection(opened, [volume.name for volume in opened[0].root.volumes if volume.name not in there])
