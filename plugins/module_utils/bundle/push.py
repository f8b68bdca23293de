# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""From a depot into a registry: what it lacks, under the same digests."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Dict, List, Sequence, Tuple
from urllib.parse import urlsplit

from . import fsutil
from .access import LOOPBACK, origin_of
from .errors import BundleError, told_plainly
from .fetch import Client
from .oci import DIGEST, MANIFEST_LIMIT, Descriptor, Document, Reference, make_index, walk
from .registry import Registry, fallback_tag


@dataclass(frozen=True)
class Naming:
    """Where in the registry an image goes."""

    prefix: str = ""
    keep_registry: bool = False

    def repository(self, reference: Reference) -> str:
        parts = [self.prefix.strip("/")] if self.prefix.strip("/") else []
        if self.keep_registry:
            parts.append(reference.registry.replace(":", "-"))
        name = "/".join([*parts, reference.repository])
        if Reference.parse(f"registry.example.com/{name}:x") is None:
            raise BundleError(f"{reference.name} cannot go to {name!r}, which is no name of a repository.")
        return name


@dataclass
class PushResult:
    """What filling the registry came to, or with check would come to."""

    images: List[Dict[str, Any]] = field(default_factory=list)
    blobs: int = 0
    bytes: int = 0

    @property
    def changed(self) -> bool:
        return any(row["pushed"] for row in self.images)


@dataclass(frozen=True)
class _Wanted:
    """One image of the depot, and where it goes."""

    reference: Reference
    document: Document
    repository: str

    @property
    def target(self) -> str:
        return self.reference.tag or self.document.digest


class Pusher:
    """Fills one registry from the image layout of a published generation."""

    def __init__(self, depot: str, url: str, client: Client, *, naming: Naming, connections: int = 4) -> None:
        self.depot = depot
        self.url = _checked(url)
        self.client = client
        self.naming = naming
        self.connections = connections
        self._there: Dict[str, str] = {}  # blobs that are known to be there, and a repository that has them

    @told_plainly
    def push(self, only: Sequence[str] = (), *, check: bool = False) -> PushResult:
        """Every image, or those named: blobs first, the tag last, nothing that is there already."""
        result = PushResult()
        for wanted in self._wanted(only):
            pushed = self._push_one(wanted, result, check)
            name, place = wanted.reference.name, wanted.reference.place
            told = {
                "name": name,
                "target": f"{urlsplit(self.url).netloc}/{wanted.repository}{name[len(place) :]}",
                "digest": wanted.document.digest,
                "pushed": pushed,
            }
            result.images.append(told)
        return result

    def _wanted(self, only: Sequence[str]) -> List[_Wanted]:
        """What to push and where; two things for one place are refused before anything is pushed."""
        rows = self._rows()
        known = {str(row[key]) for row in rows for key in ("name", "why")}
        unknown = sorted(set(only) - known)
        if unknown:
            raise BundleError(f"The depot has no image {unknown[0]}, and no chart that brings one.")
        found: List[_Wanted] = []
        places: Dict[Tuple[str, str], _Wanted] = {}
        for row in rows:
            reference = Reference.parse(str(row["name"]))
            if reference is None or not DIGEST.fullmatch(str(row["digest"])):
                raise BundleError(f"The depot's manifest names an image {row['name']!r}, which is no reference.")
            if only and not {row["name"], row["why"]} & set(only):
                continue
            document = Document.parse(self._read(row["digest"][len("sha256:") :]), reference.name)
            wanted = _Wanted(reference, document, self.naming.repository(reference))
            other = places.setdefault((wanted.repository, wanted.target), wanted)
            if other.document.digest != document.digest:
                raise BundleError(
                    f"{other.reference.name} and {reference.name} would both become {wanted.repository}:{wanted.target}; "
                    "keep the names of their registries, or push them apart."
                )
            found.append(wanted)
        return found

    def _rows(self) -> List[Dict[str, Any]]:
        path = os.path.join(self.depot, "manifest.json")
        document = fsutil.load_object(fsutil.read_plain(path), path)
        rows = [*document.get("images", []), *document.get("image_attachments", [])]
        if not rows:
            raise BundleError(f"The depot at {self.depot} has no images: its bundles bring none.")
        return [{"why": "", **row} for row in rows]

    def _push_one(self, wanted: _Wanted, result: PushResult, check: bool) -> bool:
        """Returns whether anything was pushed."""
        registry, top = Registry(self.client, f"{self.url}/v2/{wanted.repository}"), wanted.document
        if registry.digest_of(wanted.target) == top.digest:
            return self._list_referrer(registry, top, check)
        for document in walk(top, self._read):
            last = document is top
            if not last and registry.has_manifest(document.digest):
                continue
            self._push_blobs(registry, wanted.repository, document, result, check)
            if not check:
                registry.push_manifest(wanted.target if last else document.digest, document)
        self._list_referrer(registry, top, check)
        return True

    def _push_blobs(
        self, registry: Registry, repository: str, document: Document, result: PushResult, check: bool
    ) -> None:
        blobs = list({blob.digest: blob for blob in document.blobs}.values())

        def push(blob: Descriptor) -> int:
            if registry.has_blob(blob.digest):
                return 0
            if check:
                return 0 if blob.digest in self._there else blob.size
            with fsutil.open_plain(self._path(blob.sha256)) as content:
                source = self._there.get(blob.digest, "")
                return blob.size if registry.push_blob(blob.digest, blob.size, content, mount_from=source) else 0

        with ThreadPoolExecutor(self.connections) as pool:
            sent = list(pool.map(push, blobs))
        self._there.update({blob.digest: repository for blob in blobs})
        result.blobs += sum(1 for size in sent if size)
        result.bytes += sum(sent)

    def _list_referrer(self, registry: Registry, document: Document, check: bool) -> bool:
        """Where the registry keeps no list of what is about an image, a tag has to name it. Returns whether that was news."""
        if not document.subject:
            return False
        known = registry.referrers(document.subject)
        if document.digest in [row.digest for row in known]:
            return False
        if not check:
            index = make_index([*known, document.describe()])
            registry.push_manifest(fallback_tag(document.subject), Document.parse(index, "The list of referrers"))
        return True

    def _path(self, sha256: str) -> str:
        return os.path.join(self.depot, "images", "blobs", "sha256", sha256)

    def _read(self, sha256: str) -> bytes:
        data = fsutil.read_plain(self._path(sha256), limit=MANIFEST_LIMIT)
        if fsutil.sha256_bytes(data) != sha256:
            raise BundleError(f"{self._path(sha256)} is damaged.")
        return data


def _checked(url: str) -> str:
    try:
        scheme, host, _port = origin_of(url)
    except ValueError:
        scheme = host = ""
    safe = scheme == "https" or (scheme == "http" and host in LOOPBACK)
    if not safe or not host or urlsplit(url).path.strip("/") or "@" in url:
        raise BundleError(f"{url!r} is not the https URL of a registry, such as https://registry.example.com.")
    return url.rstrip("/")
