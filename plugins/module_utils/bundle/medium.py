# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Reading a medium: nothing on it is believed before the signature of its root, and nothing is used unhashed."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass, field
from typing import Dict, Iterator, List, Sequence, Tuple, Union

from . import fsutil, manifest, pieces
from .errors import BundleError, told_plainly
from .lock import Lock, moment_of, stamp
from .manifest import Index, Root
from .openpgp import Keyring
from .pieces import Part
from .store import object_path

_DAY = 86400


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
                # Names of foreign files may hold anything.
                names = (path if path.isprintable() else ascii(path) for path in paths[:5])
                told.append(f"{what}: {', '.join(names)}{more}")
        return told

    def refuse(self, volume: str) -> None:
        if self.sentences():
            raise BundleError(
                f"The volume {volume} is not what was signed; nothing of it may be used. {'; '.join(self.sentences())}. "
                "Copy it again from its source."
            )


@dataclass(frozen=True)
class Terms:
    """On which terms bundles are let in."""

    keyring: Keyring
    now: float
    allow_expired: bool = False
    required_signers: int = 1


@dataclass(frozen=True)
class Opened:
    """A volume whose root, index and lock are verified. Its objects are not yet."""

    path: str
    root: Root
    root_sha256: str
    index: Index
    lock: Lock
    signers: Tuple[str, ...]
    documents: Dict[str, bytes]  # root, signature, lock, SBOM and contents as they were verified

    def parts(self) -> List[Part]:
        return [Part(piece, os.path.join(self.path, piece.path)) for piece in self.index.pieces]

    def object_path(self, sha256: str) -> str:
        return os.path.join(self.path, object_path(sha256))

    def check(self, *, full: bool) -> Findings:
        """Compare what lies there with the index: every hash, or names and sizes (of the small files hashes too)."""
        wanted: Dict[str, Tuple[str, int]] = {
            object_path(sha256): (sha256, size) for sha256, size in self.index.objects.items()
        }
        small = set(self.index.files)
        wanted.update(self.index.files)
        wanted.update({piece.path: (piece.sha256, piece.size) for piece in self.index.pieces})
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
        digests = fsutil.hash_all([os.path.join(self.path, name) for name in to_hash])
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
    """Directories of volumes at a path: it is one, or it holds some, or it holds bundles that do. Their names mean nothing."""
    if os.path.lexists(os.path.join(path, manifest.ROOT)):
        return [os.path.normpath(path)]
    found = [
        root for pattern in ("*", "*/*") for root in glob.glob(os.path.join(glob.escape(path), pattern, manifest.ROOT))
    ]
    if found:
        return sorted(os.path.dirname(root) for root in found)
    raise BundleError(
        f"There is no bundle at {path}: neither it nor a volume in it has a {manifest.ROOT}. Is the medium mounted?"
    )


def open_volume(path: str, keyring: Keyring, *, now: float, allow_expired: bool = False) -> Opened:
    """Verify from the signature inwards: root, dates, index, and the documents it names."""
    where = os.path.join(path, manifest.ROOT)
    root_data = _read(where, limit=manifest.ROOT_LIMIT)
    signature = _read(os.path.join(path, manifest.SIGNATURE), limit=manifest.SIGNATURE_LIMIT)
    signers = keyring.verify_detached(root_data, signature, what=where)
    root = Root.parse(root_data, where)
    check_dates(root, path, now, allow_expired)
    index = _read_index(path, root)
    documents = {manifest.ROOT: root_data, manifest.SIGNATURE: signature}
    for name, digest in ((manifest.LOCK, root.lock), (manifest.SBOM, root.sbom), (manifest.CONTENTS, root.contents)):
        if digest:
            documents[name] = _read_document(path, name, digest)
    lock = read_lock(documents[manifest.LOCK], root, os.path.join(path, manifest.LOCK))
    return Opened(path, root, fsutil.sha256_bytes(root_data), index, lock, tuple(signers), documents)


def read_lock(data: bytes, root: Root, where: str) -> Lock:
    """The lock that a root names, which has to call itself as the root does."""
    lock = Lock.parse(data, where)
    if (lock.name, lock.version) != (root.name, root.version):
        raise BundleError(
            f"{where} is the lock of {lock.name}, version {lock.version}, but its root is that of {root.name}, version "
            f"{root.version}. Whoever signed that made a mistake: have the bundle made again."
        )
    return lock


def check_dates(root: Root, path: str, now: float, allow_expired: bool) -> None:
    if now < moment_of(root.created, path) - _DAY:
        raise BundleError(
            f"The clock of this machine says {stamp(now)}, but the bundle {root.name} at {path} was made on "
            f"{root.created}. Set the clock."
        )
    if now > moment_of(root.expires, path) and not allow_expired:
        raise BundleError(
            f"The bundle {root.name} at {path} expired on {root.expires}, and it is {stamp(now)} by this machine's clock. "
            "Bring a newer one, or allow expired bundles."
        )


def _read(path: str, *, limit: int = 256 << 20) -> bytes:
    try:
        return fsutil.read_plain(path, limit=limit)
    except OSError as error:
        raise BundleError(f"Cannot read {path}: {error.strerror}. Is the medium sound, and still there?") from error


def _read_index(path: str, root: Root) -> Index:
    where = os.path.join(path, manifest.INDEX)
    data = _read(where)
    digest = fsutil.sha256_bytes(data)
    named = [volume for volume in root.volumes if volume.index == digest]
    if not named:
        raise BundleError(f"{where} is damaged, or of another bundle: the signed root does not name it.")
    index = Index.parse(data, where)
    if (index.bundle, index.version, index.volume) != (root.name, root.version, named[0].name):
        raise BundleError(f"The index of {path} is of another bundle than its root.")
    return index


def _read_document(path: str, name: str, digest: str) -> bytes:
    where = os.path.join(path, name)
    data = _read(where)
    if fsutil.sha256_bytes(data) != digest:
        raise BundleError(f"{where} is damaged: the signed root names another content.")
    return data


@dataclass(frozen=True)
class Inspection:
    """What the media of one bundle hold together."""

    root: Root
    lock: Lock
    volumes: Sequence[Opened]
    missing_volumes: Sequence[str]
    # Where each object is read from: its path, or its pieces, of which some may be on volumes that are not here.
    objects: Dict[str, Union[str, List[Part]]]
    sizes: Dict[str, int]  # of all objects of the lock
    root_sha256: str
    signers: Tuple[str, ...]
    documents: Dict[str, bytes]

    def absent(self) -> List[str]:
        """Objects of the lock that these media do not bring, neither whole nor all their pieces."""
        found = []
        for sha256, size in self.sizes.items():
            source = self.objects.get(sha256, [])
            if not isinstance(source, str) and not (source and pieces.chain(source, size)):
                found.append(sha256)
        return found


def copy_object(inspection: Inspection, sha256: str, target: str, *, kept: Sequence[Part] = ()) -> None:
    """Bring an object from the media to a file, hashing in the same read. Pieces kept from other media are joined with those here."""
    source, size = inspection.objects.get(sha256, []), inspection.sizes[sha256]
    try:
        if isinstance(source, str):
            fsutil.make_directory(os.path.dirname(target))
            fsutil.copy_verified(source, target, sha256=sha256, size=size)
        else:
            pieces.join([*kept, *source], target, sha256=sha256, size=size)
    except OSError as error:
        where = source if isinstance(source, str) else ", ".join(part.path for part in source)
        raise BundleError(
            f"Cannot copy {where} to {target}: {error.strerror}. Is the medium sound, and still there?"
        ) from error


@told_plainly
def inspect(
    paths: Sequence[str],
    keyring: Keyring,
    *,
    now: float,
    allow_expired: bool = False,
    full: bool = True,
    required_signers: int = 1,
) -> Inspection:
    """Volumes of one bundle, verified. Without full, objects are left to whoever hashes them while copying."""
    found = inspect_all(paths, Terms(keyring, now, allow_expired, required_signers), full=full)
    if len(found) > 1:
        raise BundleError(f"{', '.join(paths)} holds several bundles ({', '.join(found)}); name the directory of one.")
    return next(iter(found.values()))


@told_plainly
def inspect_all(paths: Sequence[str], terms: Terms, *, full: bool = True) -> Dict[str, Inspection]:
    """What media hold, by the name of the bundle. Volumes of one bundle may be on several media, in any order."""
    opened: Dict[str, List[Opened]] = {}
    for directory in (volume for path in paths for volume in find_volumes(path)):
        volume = open_volume(directory, terms.keyring, now=terms.now, allow_expired=terms.allow_expired)
        opened.setdefault(volume.root.name, []).append(volume)
    if not opened:
        raise BundleError("No media are given.")
    found = {name: _together(volumes, terms.required_signers) for name, volumes in sorted(opened.items())}
    for volume in (volume for inspection in found.values() for volume in inspection.volumes):
        volume.check(full=full).refuse(volume.path)
    return found


def _together(volumes: List[Opened], required_signers: int) -> Inspection:
    """Volumes of one bundle as one thing: all of the same root, with the signatures of all."""
    first = max(volumes, key=lambda volume: len(volume.signers))
    root = first.root
    if len({volume.root_sha256 for volume in volumes}) > 1:
        versions = ", ".join(f"version {volume.root.version} on {volume.path}" for volume in volumes)
        raise BundleError(f"The media hold different versions of the bundle {root.name} ({versions}); give one.")
    signers = tuple(sorted({signer for volume in volumes for signer in volume.signers}))
    if len(signers) < required_signers:
        raise BundleError(
            f"The bundle {root.name} is signed by {len(signers)} of the {required_signers} keys that have to sign it "
            f"({', '.join(signers)}). Let the others look through it and sign."
        )
    objects: Dict[str, Union[str, List[Part]]] = {}
    for part in (part for volume in volumes for part in volume.parts()):
        objects.setdefault(part.piece.of, []).append(part)  # type: ignore[union-attr]
    for volume in volumes:
        objects.update({sha256: volume.object_path(sha256) for sha256 in volume.index.objects})
    sizes = {sha256: told[0] for sha256, told in first.lock.objects().items()}
    missing = sorted({volume.name for volume in root.volumes} - {volume.index.volume for volume in volumes})
    documents = dict(first.documents)
    if len(signers) > len(first.signers):  # each lends the others its own, for whoever verifies what is kept
        documents[manifest.SIGNATURE] = b"\n".join(volume.documents[manifest.SIGNATURE] for volume in volumes)
    return Inspection(root, first.lock, volumes, missing, objects, sizes, first.root_sha256, signers, documents)
