# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The directory tree of one generation: apt repositories, files, and a page that tells people what is there."""

from __future__ import annotations

import gzip
import lzma
import os
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from . import aptrepo, fsutil, manifest
from .depot_page import render_page
from .errors import BundleError
from .lock import Item, Lock, Repository
from .openpgp import SigningKey
from .store import Store

KEY_FILE = "depot-key.asc"
SUMS = "SHA256SUMS"


@dataclass(frozen=True)
class Held:
    """One bundle a generation is made of, with the signed documents it came with."""

    lock: Lock
    facts: Dict[str, Any]  # version, created, expires, root, signers
    documents: Mapping[str, bytes]  # root, signature and lock, kept for whoever audits the depot


@dataclass(frozen=True)
class Published:
    """One apt repository of the depot: the same name in several bundles is one repository."""

    repository: Repository
    items: List[Item]
    stanzas: Dict[str, str]
    date: int


def gather(bundles: Sequence[Held], store: Store) -> Tuple[List[Published], Dict[str, Item]]:
    """What the bundles amount to together. Two things that claim one place are refused."""
    groups: Dict[str, Published] = {}
    files: Dict[str, Item] = {}
    for held in bundles:
        lock = held.lock
        for repository in lock.repositories:
            stanzas = aptrepo.read_stanzas(lock, repository, store.read(repository.stanzas) or b"")
            items = [item for item in lock.items if item.group == repository.name]
            groups[repository.name] = _join(
                groups.get(repository.name), Published(repository, items, stanzas, lock.created_at)
            )
        for item in lock.items:
            other = files.get(item.destination)
            if item.destination and other is not None and other.sha256 != item.sha256:
                raise BundleError(f"Two bundles bring different files for files/{item.destination}; change one BOM.")
            if item.destination:
                files[item.destination] = item
    return [groups[name] for name in sorted(groups)], dict(sorted(files.items()))


def _join(first: Optional[Published], second: Published) -> Published:
    if first is None:
        return second
    name = second.repository.name
    if (first.repository.release, first.repository.architecture) != (
        second.repository.release,
        second.repository.architecture,
    ):
        raise BundleError(f"Two bundles bring apt repositories named {name} for different releases or architectures.")
    known = {aptrepo.deb_name(item): item.sha256 for item in first.items}
    for item in second.items:
        if known.get(aptrepo.deb_name(item), item.sha256) != item.sha256:
            raise BundleError(f"Two bundles bring different packages as {aptrepo.deb_name(item)} for {name}.")
    items = [*first.items, *(item for item in second.items if aptrepo.deb_name(item) not in known)]
    return Published(second.repository, items, {**first.stanzas, **second.stanzas}, max(first.date, second.date))


class Tree:
    """Writes a generation into a directory nobody looks at yet."""

    def __init__(self, path: str, store: Store, key: SigningKey, *, title: str) -> None:
        self.path = path
        self.store = store
        self.key = key
        self.title = title

    def build(self, bundles: Sequence[Held], document: Dict[str, Any], previous: Optional[str]) -> None:
        groups, files = gather(bundles, self.store)
        for group in groups:
            self._apt(group, previous)
        for destination, item in files.items():
            self._link(item, f"files/{destination}")
        for held in bundles:
            for name, data in held.documents.items():
                self._write(f"bundles/{held.lock.name}/{name}", data)
        self._write(KEY_FILE, self.key.public_key())
        sums = "".join(f"{item.sha256}  files/{destination}\n" for destination, item in files.items()).encode()
        moment = max(held.lock.created_at for held in bundles)
        self._write(SUMS, sums)
        self._write(f"{SUMS}.asc", self.key.sign(sums, clear=False, moment=moment))
        document["repositories"] = [_told(group) for group in groups]
        document["files"] = told_files(list(files.values()))
        self._write("index.html", render_page(self.title, document).encode())
        self._write("manifest.json", fsutil.dump_lines(document))

    def _apt(self, group: Published, previous: Optional[str]) -> None:
        name, architecture = group.repository.name, group.repository.architecture
        base = f"apt/{name}"
        for item in group.items:
            self._link(item, f"{base}/pool/{aptrepo.deb_name(item)}")
        packages = aptrepo.render_packages(group.items, group.stanzas, lambda item: f"pool/{aptrepo.deb_name(item)}")
        path = aptrepo.packages_path(architecture)
        files = {
            path: packages,
            f"{path}.gz": gzip.compress(packages, 9, mtime=0),
            f"{path}.xz": lzma.compress(packages),
        }
        dists = f"{base}/dists/{name}"
        for file, data in files.items():
            self._write(f"{dists}/{file}", data)
            self._write(f"{dists}/{_by_hash(file)}/{fsutil.sha256_bytes(data)}", data)
        if previous is not None:
            self._keep_old_indexes(os.path.join(previous, dists), dists, files)
        release = aptrepo.render_release(
            name=name, origin=self.title, architecture=architecture, files=files, date=group.date, by_hash=True
        )
        self._write(f"{dists}/Release", release)
        self._write(f"{dists}/InRelease", self.key.sign(release, clear=True, moment=group.date))

    def _keep_old_indexes(self, old: str, dists: str, files: Mapping[str, bytes]) -> None:
        """A client that read the last InRelease just before the switch still finds the indexes it names."""
        for file in files:
            source = os.path.join(old, file)
            if fsutil.size_of(source) is not None:
                data = fsutil.read_plain(source)
                self._write(f"{dists}/{_by_hash(file)}/{fsutil.sha256_bytes(data)}", data)

    def _write(self, name: str, data: bytes) -> None:
        fsutil.write_atomic(os.path.join(self.path, name), data)

    def _link(self, item: Item, name: str) -> None:
        source = self.store.path(item.sha256)
        fsutil.link_or_copy(source, os.path.join(self.path, name), sha256=item.sha256, size=item.size)


def _by_hash(path: str) -> str:
    return f"{os.path.dirname(path)}/by-hash/SHA256"


def _told(group: Published) -> Dict[str, Any]:
    repository = group.repository
    return {
        "name": repository.name,
        "release": repository.release,
        "architecture": repository.architecture,
        "path": f"apt/{repository.name}",
        "packages": len(group.items),
        "bytes": sum(item.size for item in group.items),
    }


def told_files(items: Sequence[Item]) -> List[Dict[str, Any]]:
    """Files of a depot as playbooks and people want them; the path is below the depot's URL."""
    return [
        {
            "name": item.name,
            "kind": item.kind,
            "version": item.version,
            "path": f"files/{item.destination}",
            "sha256": item.sha256,
            "size": item.size,
        }
        for item in items
        if item.destination
    ]


def documents_of(path: str) -> Dict[str, bytes]:
    """The signed documents of a bundle as a generation keeps them."""
    names = (manifest.ROOT, manifest.SIGNATURE, manifest.LOCK)
    return {name: fsutil.read_plain(os.path.join(path, name)) for name in names}
