# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""A depot fed from another one, over ssh or on the same host: only what it lacks is carried, and nothing of it is believed unverified."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from typing import BinaryIO, Collection, Dict, Iterator, List, Mapping, Sequence, Tuple, cast

from . import fsutil, manifest
from .arrival import Arrival
from .depot_tree import Held
from .errors import BundleError
from .lock import Lock
from .manifest import Root
from .medium import Terms, check_dates, read_lock
from .names import NAME
from .openpgp import Keyring
from .pieces import Part
from .store import Store, object_path

_PLACE = re.compile(r"(?:(?P<host>[A-Za-z0-9_][A-Za-z0-9_.@%-]*|[A-Za-z0-9_.]+@?\[[0-9A-Fa-f:.%]+\]):)?(?P<path>/.*)")
_SSH = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=30", "-o", "ServerAliveInterval=15")
_BATCH = 256  # objects on one command line


class OtherDepot:
    """Read with cat, tail and readlink alone, so that the account on the other side needs no more than to read files."""

    def __init__(self, place: str, ssh_arguments: Sequence[str] = ()) -> None:
        match = _PLACE.fullmatch(place)
        if match is None:
            raise BundleError(
                f"{place!r} is no depot to be fed from: /path, host:/path or user@host:/path is expected."
            )
        self.place = place
        self.root = match.group("path")
        host = match.group("host")
        self._argv = [*_SSH, *ssh_arguments, "--", host.replace("[", "").replace("]", "")] if host else ["sh", "-c"]

    @contextlib.contextmanager
    def _reading(self, command: str) -> Iterator[BinaryIO]:
        """What a command prints there. Its failure counts only when the output was read to the end."""
        with tempfile.TemporaryFile() as errors:
            argv = [*self._argv, command]
            try:
                # The engine imports nothing of Ansible, hence no run_command.
                # pylint: disable-next=ansible-bad-function
                process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
            except FileNotFoundError as error:
                raise BundleError(f"Cannot reach {self.place}: {argv[0]} is not on this host.") from error
            stream = cast("BinaryIO", process.stdout)
            try:
                yield stream
            finally:
                stream.close()  # what still sends is hung up on
                status = process.wait()
            if status:
                errors.seek(0)
                said = errors.read(4096).decode("utf-8", "replace").strip().replace("\n", "; ")
                raise BundleError(f"Cannot read the depot {self.place}: {said or f'exit status {status}'}.")

    def _read(self, path: str, limit: int) -> bytes:
        return self._ask(f"cat -- {shlex.quote(os.path.join(self.root, path))}", path, limit)

    def _ask(self, command: str, path: str, limit: int) -> bytes:
        with self._reading(command) as stream:
            data = stream.read(limit + 1)
            if len(data) > limit:
                raise BundleError(
                    f"{path} of the depot {self.place} is larger than the {limit} bytes expected at most."
                )
        return data

    def bundles(self) -> List[Tuple[str, str]]:
        """Name and directory of each bundle in the generation that is published there now."""
        link = self._ask(f"readlink -- {shlex.quote(os.path.join(self.root, 'current'))}", "current", 4096)
        generation = os.path.basename(link.decode("utf-8", "replace").strip())
        if not generation.isdigit():
            raise BundleError(f"The depot {self.place} has nothing published yet.")
        base = f"generations/{generation}"
        document = fsutil.load_object(self._read(f"{base}/manifest.json", 256 * fsutil.CHUNK), "Its manifest")
        names = document.get("bundles")
        if not isinstance(names, dict) or not all(NAME.fullmatch(name) for name in names):
            raise BundleError(f"The manifest of the depot {self.place} names no bundles.")
        return [(name, f"{base}/bundles/{name}") for name in sorted(names)]

    def open(self, directory: str, keyring: Keyring) -> Tuple[Root, Tuple[str, ...], Dict[str, bytes]]:
        """The root of one bundle, who signed it, and its documents, verified as on a medium."""
        where = f"{directory}/{manifest.ROOT} of {self.place}"
        data = self._read(f"{directory}/{manifest.ROOT}", manifest.ROOT_LIMIT)
        signature = self._read(f"{directory}/{manifest.SIGNATURE}", manifest.SIGNATURE_LIMIT)
        signers = keyring.verify_detached(data, signature, what=where)
        return Root.parse(data, where), tuple(signers), {manifest.ROOT: data, manifest.SIGNATURE: signature}

    def complete(self, directory: str, root: Root, documents: Dict[str, bytes]) -> Lock:
        """Read what the root names besides, each with the hash it has there."""
        wanted = {manifest.LOCK: root.lock, manifest.SBOM: root.sbom, manifest.CONTENTS: root.contents}
        for name, digest in wanted.items():
            if digest:
                documents[name] = self._read(f"{directory}/{name}", 256 * fsutil.CHUNK)
                if fsutil.sha256_bytes(documents[name]) != digest:
                    raise BundleError(
                        f"{directory}/{name} of {self.place} is damaged: the signed root names another content."
                    )
        return read_lock(documents[manifest.LOCK], root, f"{directory}/{manifest.LOCK} of {self.place}")

    def fetch(self, wanted: Mapping[str, int], store: Store) -> None:
        """Objects into the store: what a killed run had begun first, from where it stopped, then many in one stream."""
        begun = {sha256 for sha256 in wanted if fsutil.size_of(store.part(sha256))}
        left = [
            sha256
            for sha256 in sorted(wanted)
            if sha256 not in begun or not self._resume(sha256, wanted[sha256], store)
        ]
        for start in range(0, len(left), _BATCH):
            batch = left[start : start + _BATCH]
            paths = " ".join(object_path(sha256) for sha256 in batch)
            with self._reading(f"cd -- {shlex.quote(os.path.join(self.root, 'store'))} && cat -- {paths}") as stream:
                for sha256 in batch:
                    self._take(stream, sha256, wanted[sha256], store)

    def _resume(self, sha256: str, size: int, store: Store) -> bool:
        """Whether the object came together; if not, its beginning was damaged, and it is fetched whole."""
        there = fsutil.size_of(store.part(sha256)) or 0
        path = shlex.quote(os.path.join(self.root, "store", object_path(sha256)))
        try:
            with self._reading(f"tail -c +{there + 1} -- {path}") as stream:
                self._take(stream, sha256, size, store, there)
        except _Damaged:
            return False
        return True

    def _take(self, stream: BinaryIO, sha256: str, size: int, store: Store, there: int = 0) -> None:
        """As many bytes as the object has, hashed on the way into a part, which becomes the object if it is the promised one."""
        part = store.part(sha256)
        fsutil.make_directory(os.path.dirname(part))
        digest = hashlib.sha256()
        with fsutil.leaving_nothing(part), open(part, "r+b" if there else "wb") as handle:
            if there:
                fsutil.sha256_stream(handle, digest.update)
            left = size - there
            while left > 0:
                data = stream.read(min(left, fsutil.CHUNK))
                if not data:
                    raise BundleError(
                        f"The depot {self.place} cut off in the middle of {sha256}. Run again; the rest is kept."
                    )
                digest.update(data)
                handle.write(data)
                left -= len(data)
            handle.flush()
            os.fsync(handle.fileno())
        if digest.hexdigest() != sha256:
            fsutil.remove(part)
            raise _Damaged(
                f"{object_path(sha256)} of the depot {self.place} is missing or damaged. Repair that depot first."
            )
        store.adopt(part, sha256)


class _Damaged(BundleError):
    """What came is not what the signed root promises."""


@dataclass(frozen=True)
class FromDepot(Arrival):
    """Copied from another depot that has all of it."""

    depot: OtherDepot

    def bring(self, wanted: Mapping[str, int], store: Store) -> None:
        self.depot.fetch(wanted, store)

    def loose(self, store: Store) -> List[Part]:
        return []  # what a depot has published is whole


def arrivals(
    depot: OtherDepot, terms: Terms, held: Mapping[str, Held], *, lacking: Collection[str] = ()
) -> List[FromDepot]:
    """Every bundle the other depot has in a newer version than this one, and the same where this one lacks objects of it.

    An older one there is no mistake: it is left.
    """
    found = []
    for name, directory in depot.bundles():
        root, signers, documents = depot.open(directory, terms.keyring)
        if root.name != name:
            raise BundleError(f"{directory} of {depot.place} holds the bundle {root.name}, not {name}.")
        digest = fsutil.sha256_bytes(documents[manifest.ROOT])
        version, at_hand = (held[name].facts["version"], held[name].facts["root"]) if name in held else (0, "")
        if (digest == at_hand and name not in lacking) or root.version < version:
            continue
        check_dates(root, depot.place, terms.now, terms.allow_expired)
        if len(signers) < terms.required_signers:
            raise BundleError(
                f"The bundle {name} of {depot.place} is signed by {len(signers)} of the {terms.required_signers} keys that have to "
                f"sign it ({', '.join(signers)})."
            )
        lock = depot.complete(directory, root, documents)
        volumes = tuple(volume.name for volume in root.volumes)
        whole = frozenset(lock.objects())
        found.append(FromDepot(depot.place, root, digest, lock, signers, documents, volumes, whole, depot))
    return found
