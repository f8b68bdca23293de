# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Container images as data: references, digests, and what manifests say of what lies below them. Nothing foreign is believed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Sequence, Tuple

from . import fsutil
from .errors import BundleError

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIGS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
MANIFEST_LIMIT = 4 << 20  # what registries accept at most
BLOB_LIMIT = 1 << 40
REF_NAME = "org.opencontainers.image.ref.name"
LICENSES = "org.opencontainers.image.licenses"

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?\.)*[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?::[0-9]{1,5})?"
_NAME = rf"(?P<registry>{_HOST})/(?P<repository>{_PART}(?:/{_PART})*)"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}"
REFERENCE = re.compile(rf"{_NAME}(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?")
DIGEST = re.compile(_DIGEST)
PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9.]+)?")
_SHORT = re.compile(rf"(?:library/)?{_PART}(?:/{_PART})*(?::{_TAG})?(?:@{_DIGEST})?")
# Layers that a registry may not give away, and that are fetched from elsewhere.
_FOREIGN = re.compile(r".*(?:\.foreign\.|nondistributable).*")
HUB, _HUB_SERVER = "docker.io", "registry-1.docker.io"


@dataclass(frozen=True)
class Reference:
    """A registry, a repository in it, and a tag or a digest of what is meant."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Optional[Reference]:
        """A reference that names its registry. None when it is none."""
        match = REFERENCE.fullmatch(text) if len(text) <= 512 else None
        if match is None or not _is_registry(match["registry"]):
            return None
        registry, repository = match["registry"].lower(), match["repository"]
        if registry in ("index.docker.io", _HUB_SERVER):
            registry = HUB
        if registry == HUB and "/" not in repository:
            repository = f"library/{repository}"
        return cls(registry, repository, match["tag"] or "", match["digest"] or "")

    @classmethod
    def short(cls, text: str) -> Optional[Reference]:
        """As Kubernetes reads one: without a registry it is of Docker Hub."""
        found = cls.parse(text)
        if found is None and len(text) <= 512 and _SHORT.fullmatch(text):
            found = cls.parse(f"{HUB}/{text}")
        return found

    @property
    def name(self) -> str:
        """What it is called in a lock: by its tag, and only without one by its digest."""
        return f"{self.place}:{self.tag}" if self.tag else f"{self.place}@{self.digest}"

    @property
    def place(self) -> str:
        return f"{self.registry}/{self.repository}"

    def tagged(self, tag: str) -> Reference:
        return replace(self, tag=tag, digest="")

    def pinned(self, digest: str) -> Reference:
        return replace(self, tag="", digest=digest)

    def base(self, *, plain_http: bool = False) -> str:
        """URL of the repository."""
        server = _HUB_SERVER if self.registry == HUB else self.registry
        return f"{'http' if plain_http else 'https'}://{server}/v2/{self.repository}"


def _is_registry(host: str) -> bool:
    name, _colon, port = host.partition(":")
    return ("." in name or bool(port) or name == "localhost") and 0 < int(port or 443) < 65536


@dataclass(frozen=True)
class Descriptor:
    """What a manifest says of one thing below it."""

    media_type: str
    digest: str
    size: int
    platform: str = ""  # of a manifest in an index; empty where it is for none
    annotations: Tuple[Tuple[str, str], ...] = ()
    artifact_type: str = ""

    @property
    def sha256(self) -> str:
        return self.digest[len("sha256:") :]

    def note(self, key: str) -> str:
        return dict(self.annotations).get(key, "")

    @classmethod
    def parse(cls, row: object, what: str) -> Descriptor:
        if not isinstance(row, dict):
            raise BundleError(f"{what} names something below it that is not described by an object.")
        digest, size, media_type = row.get("digest"), row.get("size"), row.get("mediaType")
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            raise BundleError(f"{what} names something by {digest!r}, which is no sha256 digest.")
        if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= BLOB_LIMIT:
            raise BundleError(f"{what} says that {digest} has {size!r} bytes, which cannot be.")
        if not isinstance(media_type, str) or _FOREIGN.fullmatch(media_type) or row.get("urls"):
            raise BundleError(
                f"{what} has the layer {digest} of type {media_type!r}, which its registry may not give away; such images "
                "cannot be carried."
            )
        notes, kind = _annotations(row.get("annotations")), row.get("artifactType")
        return cls(
            media_type, digest, size, _platform(row.get("platform")), notes, kind if isinstance(kind, str) else ""
        )


def _platform(value: object) -> str:
    if not isinstance(value, dict):
        return ""
    parts = [value.get(key) for key in ("os", "architecture", "variant")]
    text = "/".join(part for part in parts if isinstance(part, str) and part)
    return "" if text == "unknown/unknown" else text


def _annotations(value: object) -> Tuple[Tuple[str, str], ...]:
    rows = value.items() if isinstance(value, dict) else ()
    return tuple(sorted((key, text) for key, text in rows if isinstance(text, str)))


@dataclass(frozen=True)
class Document:
    """A manifest or an index, read."""

    media_type: str
    data: bytes
    children: Tuple[Descriptor, ...] = ()  # manifests, of an index
    blobs: Tuple[Descriptor, ...] = ()  # configuration and layers, of a manifest
    subject: str = ""  # the digest of what this is about: a signature, an attestation
    annotations: Tuple[Tuple[str, str], ...] = ()
    artifact_type: str = ""

    @property
    def is_index(self) -> bool:
        return self.media_type in (INDEX, DOCKER_LIST)

    @property
    def digest(self) -> str:
        return f"sha256:{fsutil.sha256_bytes(self.data)}"

    def describe(self) -> Descriptor:
        notes = self.annotations
        return Descriptor(self.media_type, self.digest, len(self.data), "", notes, self.artifact_type)

    @classmethod
    def parse(cls, data: bytes, what: str) -> Document:
        """By its form; what it says of its form has to agree, or it may mean two things to two readers."""
        row = fsutil.load_object(data, what)
        if row.get("schemaVersion") != 2 or "fsLayers" in row:
            raise BundleError(f"{what} is a manifest of Docker's schema 1, which proves nothing; have it pushed anew.")
        has_children, has_layers = isinstance(row.get("manifests"), list), isinstance(row.get("layers"), list)
        if has_children == has_layers or ("config" in row) == has_children:
            raise BundleError(f"{what} is neither an image manifest nor an index of such.")
        media_type = row.get("mediaType") or _guess(row, has_children)
        if media_type not in ((INDEX, DOCKER_LIST) if has_children else (MANIFEST, DOCKER_MANIFEST)):
            raise BundleError(f"{what} says it is of type {media_type!r}, but has the form of another.")
        subject = row.get("subject")
        return cls(
            media_type=media_type,
            data=data,
            children=_descriptors(row.get("manifests"), what) if has_children else (),
            blobs=() if has_children else _descriptors([row.get("config"), *row["layers"]], what),
            subject=Descriptor.parse(subject, what).digest if subject is not None else "",
            annotations=_annotations(row.get("annotations")),
            artifact_type=_artifact_type(row),
        )


def _guess(row: Mapping[str, Any], has_children: bool) -> str:
    if has_children:
        return INDEX
    config = row.get("config")
    is_docker = isinstance(config, dict) and config.get("mediaType") == CONFIGS[1]
    return DOCKER_MANIFEST if is_docker else MANIFEST


def _artifact_type(row: Mapping[str, Any]) -> str:
    config = row.get("config")
    value = row.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else "")
    return value if isinstance(value, str) else ""


def _descriptors(rows: object, what: str) -> Tuple[Descriptor, ...]:
    found = [Descriptor.parse(row, what) for row in rows] if isinstance(rows, list) else []
    sizes: Dict[str, int] = {}
    for descriptor in found:
        if sizes.setdefault(descriptor.digest, descriptor.size) != descriptor.size:
            raise BundleError(f"{what} gives two sizes for {descriptor.digest}.")
    return tuple(found)


def make_index(children: Sequence[Descriptor], *, media_type: str = INDEX) -> bytes:
    """An index of its own, the same bytes for the same children."""
    rows = []
    for child in children:
        row: Dict[str, Any] = {"mediaType": child.media_type, "digest": child.digest, "size": child.size}
        if child.platform:
            row["platform"] = dict(zip(("os", "architecture", "variant"), child.platform.split("/")))
        if child.annotations:
            row["annotations"] = dict(child.annotations)
        if child.artifact_type:
            row["artifactType"] = child.artifact_type
        rows.append(row)
    return fsutil.dump_lines({"schemaVersion": 2, "mediaType": media_type, "manifests": rows})


def walk(document: Document, read: Callable[[str], bytes]) -> Iterator[Document]:
    """What lies below it and then itself: the order in which a registry takes manifests."""
    for child in document.children:
        below = Document.parse(read(child.sha256), child.digest)
        if below.is_index:
            raise BundleError(
                f"The index {document.digest} names another index, {child.digest}, which is not followed."
            )
        yield below
    yield document
