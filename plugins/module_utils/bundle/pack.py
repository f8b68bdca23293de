# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""From a lock to a bundle: fetch what the store lacks, lay out the volume, sign its root."""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, Tuple

from . import aptrepo, fsutil, manifest
from .errors import BundleError, told_plainly
from .fetch import Client
from .lock import Lock, evidence_path, human, stamp
from .manifest import Index, Root, Volume
from .openpgp import SigningKey
from .progress import Progress
from .store import Store, object_path

VOLUME = "volume-001"
KEY_FILE = "bundle-key.asc"


@dataclass(frozen=True)
class PackResult:
    """What building the bundle came to, or with check would come to."""

    changed: bool
    lock: Lock
    path: str
    public_key: str
    fingerprint: str
    bytes_fetched: int
    bytes_held: int
    volume_bytes: int
    objects_fetched: int


class Packer:
    """One bundle. Every step may be killed: what it finished is found again, what it did not is done again."""

    def __init__(
        self,
        *,
        lock_path: str,
        store: str,
        output: str,
        key: Optional[SigningKey],
        client: Optional[Client] = None,
        connections: int = 8,
        verify: bool = False,
        progress: Optional[str] = None,
    ) -> None:
        self.lock_path = lock_path
        self.lock = Lock.read(lock_path)
        self.store = Store(store)
        self.key = key
        self.client = client or Client()
        self.connections = connections
        self.verify = verify
        self.progress = progress
        self.path = os.path.join(output, self.lock.name, VOLUME)
        self.key_path = os.path.join(output, KEY_FILE)

    @told_plainly
    def run(self, *, check: bool = False) -> PackResult:
        with contextlib.ExitStack() as stack:
            if not check:
                stack.enter_context(fsutil.exclusive(os.path.join(self.store.root, ".lock")))
                self._take_evidence()
            objects = self.lock.objects()
            beside = {piece.sha256 for piece in self.lock.kept_beside()}
            missing = {
                sha256: told
                for sha256, told in objects.items()
                if sha256 not in beside and not self._held(sha256, told[0])
            }
            progress = Progress(self.progress, objects=len(missing), size=sum(size for size, _url in missing.values()))
            if check:
                changed = bool(missing) or not self._is_current()
            else:
                self._fetch(missing, progress)
                changed = self._lay_out(missing) or bool(missing)
        wanted = sum(size for size, _url in objects.values())
        fetched = sum(size for size, _url in missing.values())
        fingerprint = self.key.fingerprint if self.key else ""
        return PackResult(
            changed, self.lock, self.path, self.key_path, fingerprint, fetched, wanted - fetched, wanted, len(missing)
        )

    def _held(self, sha256: str, size: int) -> bool:
        return self.store.is_intact(sha256, size) if self.verify else self.store.has(sha256, size)

    def _is_current(self) -> bool:
        """For check mode: whether the volume was made from this very lock and has all its objects."""
        try:
            root = Root.parse(fsutil.read_plain(os.path.join(self.path, manifest.ROOT)), "")
        except BundleError:
            return False
        there = all(
            fsutil.size_of(os.path.join(self.path, object_path(sha256))) == size
            for sha256, (size, _url) in self.lock.objects().items()
        )
        return there and root.lock == fsutil.sha256_bytes(self.lock.dump())

    def _take_evidence(self) -> None:
        for piece in self.lock.kept_beside():
            source = evidence_path(self.lock_path, piece.sha256)
            if not self.store.has(piece.sha256, piece.size):
                self.store.add_file(source, sha256=piece.sha256, size=piece.size)

    def _fetch(self, missing: Dict[str, Tuple[int, str]], progress: Progress) -> None:
        """All that is missing, largest first. What fails does not keep the rest from coming in."""
        progress.say(f"fetching {human(progress.size)} in {len(missing)} objects")
        fsutil.require_space(self.store.root, progress.size)
        failures: List[str] = []
        order = sorted(missing, key=lambda sha256: -missing[sha256][0])
        with ThreadPoolExecutor(self.connections) as pool:
            running = [pool.submit(self._fetch_one, sha256, *missing[sha256], progress) for sha256 in order]
            for future in as_completed(running):
                error = future.exception()
                if isinstance(error, BundleError):
                    failures.append(str(error))
                elif error is not None:
                    raise error
        if failures:
            more = f"\n... and {len(failures) - 5} more" if len(failures) > 5 else ""
            raise BundleError(
                f"{len(failures)} of {len(missing)} objects could not be fetched; the others are kept, run again.\n"
                + "\n".join(sorted(failures)[:5])
                + more
            )
        progress.say("laying out the volume")

    def _fetch_one(self, sha256: str, size: int, url: str, progress: Progress) -> None:
        part = self.store.part(sha256)
        self.client.download(url, part, sha256=sha256, size=size, tell=progress.teller(sha256))
        self.store.adopt(part, sha256)
        progress.finish(sha256, size)

    def _lay_out(self, fetched: Dict[str, Tuple[int, str]]) -> bool:
        """Objects first, the signed root last, and then what no longer belongs is removed."""
        if self.key is None:
            raise BundleError("A bundle is signed: name a signing key.")
        with fsutil.exclusive(os.path.join(os.path.dirname(self.key_path), f".{self.lock.name}.lock")):
            changed = self._place_objects(fetched)
            files = dict(self._files(self.key))
            index = Index(
                bundle=self.lock.name,
                version=self.lock.version,
                volume=VOLUME,
                objects={sha256: size for sha256, (size, _url) in self.lock.objects().items()},
                files={path: (fsutil.sha256_bytes(data), len(data)) for path, data in files.items()},
            )
            files[manifest.INDEX] = index.dump()
            root = self._root(files[manifest.INDEX], index).dump()
            files[manifest.SIGNATURE] = self._signed(manifest.SIGNATURE, root, self.key, clear=False)
            files[manifest.ROOT] = root
            for path, data in files.items():
                changed |= fsutil.write_if_changed(os.path.join(self.path, path), data)
            changed |= fsutil.write_if_changed(self.key_path, self.key.public_key())
            return self._prune({*files, *(object_path(sha256) for sha256 in index.objects)}) or changed

    def _place_objects(self, fetched: Dict[str, Tuple[int, str]]) -> bool:
        """What was just fetched is placed anew: it may replace a damaged object that the volume links to."""
        wanted = [
            (sha256, size, os.path.join(self.path, object_path(sha256)))
            for sha256, (size, _url) in self.lock.objects().items()
        ]
        absent = [row for row in wanted if row[0] in fetched or fsutil.size_of(row[2]) != row[1]]
        fsutil.make_directory(self.path)
        if os.stat(self.path).st_dev != os.stat(self.store.root).st_dev:
            fsutil.require_space(self.path, sum(size for _sha256, size, _target in absent))
        for sha256, size, target in absent:
            fsutil.link_or_copy(self.store.path(sha256), target, sha256=sha256, size=size)
        return bool(absent)

    def _files(self, key: SigningKey) -> Iterator[Tuple[str, bytes]]:
        """The lock, and for each repository an apt index whose packages are the objects: installable as it lies."""
        lock = self.lock
        yield manifest.LOCK, lock.dump()
        for repository in (repository for repository in lock.repositories if repository.kind == "apt"):
            stanzas = aptrepo.read_stanzas(lock, repository, self.store.read(repository.stanzas) or b"")
            items = [item for item in lock.items if (item.kind, item.group) == ("apt", repository.name)]
            packages = aptrepo.render_packages(items, stanzas, lambda item: object_path(item.sha256))
            path = aptrepo.packages_path(repository.architecture)
            release = aptrepo.render_release(
                name=repository.name,
                origin=lock.name,
                architecture=repository.architecture,
                files={path: packages},
                date=lock.created_at,
                valid_until=lock.expires_at,
            )
            base = f"dists/{repository.name}"
            yield f"{base}/{path}", packages
            yield f"{base}/InRelease", self._signed(f"{base}/InRelease", release, key, clear=True)

    def _signed(self, path: str, data: bytes, key: SigningKey, *, clear: bool) -> bytes:
        """The signature that lies there if it is good, so that nothing is signed twice."""
        target = os.path.join(self.path, path)
        held = fsutil.read_plain(target) if fsutil.size_of(target) is not None else None
        if held is not None and key.is_good(data, held, clear=clear):
            return held
        return key.sign(data, clear=clear, moment=self.lock.created_at)

    def _root(self, index_data: bytes, index: Index) -> Root:
        count = sum(index.objects.values()) + sum(size for _sha256, size in index.files.values())
        volume = Volume(VOLUME, fsutil.sha256_bytes(index_data), len(index.objects), count)
        lock = self.lock
        digest = fsutil.sha256_bytes(lock.dump())
        return Root(lock.name, lock.version, lock.created, stamp(lock.expires_at), digest, (volume,))

    def _prune(self, wanted: set[str]) -> bool:
        """Take out of the volume what its new index does not name."""
        removed = False
        for folder, _folders, names in os.walk(self.path, topdown=False):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.relpath(path, self.path) not in wanted:
                    os.unlink(path)
                    removed = True
            if not os.listdir(folder):
                os.rmdir(folder)
        return removed
