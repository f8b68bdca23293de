# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The image source: a tag becomes a digest first, and all that follows is asked for and believed by digest only."""

from __future__ import annotations

import functools
import threading
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, TypeVar

from .. import fsutil, licences
from ..boms.images import ALL, ImageItem
from ..errors import BundleError
from ..lock import Item
from ..oci import CONFIGS, LICENSES, MANIFEST_LIMIT, Descriptor, Document, Reference
from ..registry import MANIFESTS, Registry, fallback_tag
from ..workspace import Resolved, Workspace
from . import oci_signature

T = TypeVar("T")
_BESIDE = (".sig", ".att", ".sbom")  # what cosign appends to the digest to make the tag of what it puts beside
_ABOUT = "vnd.docker.reference.digest"  # in an index: the manifest that an attestation of the builder is about
_REFERRERS = 200
_CONNECTIONS = 8
_WRITING = threading.Lock()


class ImagesResolver:
    """All images of a BOM: those it names, and those that its charts name."""

    def __init__(
        self, images: Sequence[ImageItem], named: Callable[[], Sequence[ImageItem]], workspace: Workspace
    ) -> None:
        self.given = images
        self.named = named
        self.workspace = workspace

    def survey(self) -> List[str]:
        """One HEAD for each tag, nothing for what is pinned."""
        return [
            f"{image.name} {digest} {image.platforms} {image.key}" for image, digest in zip(self.images, self.digests)
        ]

    @functools.cached_property
    def images(self) -> List[ImageItem]:
        """Each once: what the BOM says of an image counts more than what a chart says."""
        found = {image.name: image for image in self.given}
        for image in self.named():
            found.setdefault(image.name, image)
        unproven = sorted(image.name for image in found.values() if not image.is_proven)
        if unproven:
            raise BundleError(
                f"Charts name images by nothing but a tag: {', '.join(unproven)}. Give each with a digest or signature "
                "under images, leave it out with exclude, or say in unverified_images.reason why neither can be had; a tag "
                "latest always needs a digest."
            )
        return list(found.values())

    @functools.cached_property
    def digests(self) -> List[str]:
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            return list(pool.map(lambda image: _told(image, lambda: self._digest_of(image)), self.images))

    def _digest_of(self, image: ImageItem) -> str:
        if image.reference.digest:
            return image.reference.digest
        registry = Registry(self.workspace.client, image.reference.base(plain_http=bool(image.plain_http)))
        digest = registry.digest_of(image.reference.tag)
        if digest is None:
            advice = (
                f" If {image.why} makes another name of it, exclude it and give the right one." if image.why else ""
            )
            raise BundleError(f"its registry has no tag {image.reference.tag}.{advice}")
        return digest

    def resolve(self) -> Resolved:
        with ThreadPoolExecutor(_CONNECTIONS) as lookups, ThreadPoolExecutor(_CONNECTIONS) as pool:
            copies = list(pool.map(lambda image, digest: self._copy(image, digest, lookups), self.images, self.digests))
        result = Resolved()
        known: Dict[Tuple[str, str], Item] = {}
        for copy in copies:
            result.warnings += copy.warnings
            for item in copy.items:
                first = known.setdefault((item.kind, item.name), item)
                if (first.sha256, first.size) != (item.sha256, item.size):
                    raise BundleError(
                        f"The registries disagree about {item.name}: it cannot have two contents or sizes."
                    )
        result.items = list(known.values())
        return result

    def _copy(self, image: ImageItem, digest: str, lookups: Executor) -> _Copy:
        copy = _Copy(image, digest, self.workspace, lookups)
        _told(image, copy.collect)
        return copy


def _told(image: ImageItem, what: Callable[[], T]) -> T:
    """Errors say which image they are about."""
    try:
        return what()
    except BundleError as error:
        raise BundleError(f"image {image.name}: {error}") from error


@dataclass
class _Copy:
    """One image on its way into a lock."""

    image: ImageItem
    digest: str
    workspace: Workspace
    lookups: Executor  # for questions that do not wait for one another
    items: List[Item] = field(default_factory=list)
    warnings: List[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        base = self.image.reference.base(plain_http=bool(self.image.plain_http))
        self.registry = Registry(self.workspace.client, base)

    def collect(self) -> None:
        top = self._read(self.digest)
        if top.is_index:
            children = choose(top, self.image.platforms)
            platforms = [child.platform for child in children if child.platform]
        else:
            children, platforms = [], [self._platform_of(top)]
        beside = list(self._beside([self.digest, *(child.digest for child in children if child.platform)]))
        item = Item(
            kind="image",
            name=self.image.name,
            size=len(top.data),
            sha256=self.digest[len("sha256:") :],
            url=self.registry.manifest_url(self.digest),
            proof=self._proof(beside),
            version=self.image.reference.tag or self.digest,
            architecture=", ".join(platforms),
            why=self.image.why,
            licenses=self._licenses(top, children),
        )
        self.items.append(item)
        self._take_below(top, children)
        for reference, document, proof in beside:
            self._take_beside(reference, document, proof)

    def _read(self, digest: str, size: Optional[int] = None) -> Document:
        data = self.workspace.read(digest[len("sha256:") :])
        if data is None or len(data) > MANIFEST_LIMIT:
            data = self.registry.manifest(digest)
            self._keep(data)
        if size is not None and size != len(data):
            raise BundleError(f"{digest} has {len(data)} bytes, and not the {size} that its index says.")
        return Document.parse(data, self.registry.manifest_url(digest))

    def _take_below(self, top: Document, children: Sequence[Descriptor]) -> None:
        for child in children:
            document = self._read(child.digest, child.size)
            if document.is_index:
                raise BundleError(f"its index {top.digest} names another index, {child.digest}, which is not followed.")
            self._take(child, self.registry.manifest_url(child.digest), top)
            self._take_below(document, [])
        for blob in top.blobs:
            self._take(blob, self.registry.blob_url(blob.digest), top)

    def _take(self, part: Descriptor, url: str, parent: Document) -> None:
        proof = f"named by {parent.digest}"
        self.items.append(Item("blob", part.digest, part.size, part.sha256, url, proof, why=self.image.name))

    def _take_beside(self, reference: Reference, document: Document, proof: str) -> None:
        url = self.registry.manifest_url(document.digest)
        version = reference.tag or document.artifact_type
        sha256 = document.describe().sha256
        size = len(document.data)
        self.items.append(Item("image", reference.name, size, sha256, url, proof, version, why=self.image.name))
        self._take_below(document, [])

    def _platform_of(self, top: Document) -> str:
        """What an image without an index was built for is in its configuration."""
        if top.blobs[0].media_type not in CONFIGS:
            return ""
        row = self._config_of(top)
        parts = [str(row.get(key) or "") for key in ("os", "architecture", "variant")]
        platform = "/".join(part for part in parts if part)
        if self.image.platforms != (ALL,) and not any(_fits(platform, wanted) for wanted in self.image.platforms):
            raise BundleError(f"it is for {platform}, and not for {' or '.join(self.image.platforms)}.")
        return platform

    def _config_of(self, document: Document) -> Dict[str, Any]:
        """The configuration of an image; of what is none, nothing."""
        config = next((part for part in document.blobs[:1] if part.media_type in CONFIGS), None)
        if config is None:
            return {}
        if config.size > MANIFEST_LIMIT:
            raise BundleError(f"its configuration has {config.size} bytes, more than any image needs.")
        return fsutil.load_object(self._blob(config), f"its configuration {config.digest}")

    def _licenses(self, top: Document, children: Sequence[Descriptor]) -> Tuple[str, ...]:
        """What annotations of the carried manifests and labels of their configurations say."""
        documents = [top, *(self._read(child.digest, child.size) for child in children if child.platform)]
        told: List[object] = []
        for document in documents:
            config = self._config_of(document).get("config")
            labels = config.get("Labels") if isinstance(config, dict) else None
            told += [document.describe().note(LICENSES), labels.get(LICENSES) if isinstance(labels, dict) else None]
        return licences.stated(told)

    def _blob(self, part: Descriptor) -> bytes:
        """A small one, into memory."""
        data = self.workspace.read(part.sha256)
        if data is None:
            url = self.registry.blob_url(part.digest)
            data = self.workspace.client.get(url, limit=part.size).body
            if fsutil.sha256_bytes(data) != part.sha256:
                raise BundleError(f"{url} has another content than its digest says.")
            self._keep(data)
        return data

    def _keep(self, data: bytes) -> None:
        """Images are read side by side, and may have parts in common."""
        with _WRITING:
            self.workspace.keep(data)

    def _beside(self, digests: Sequence[str]) -> Iterator[Tuple[Reference, Document, str]]:
        """Signatures, attestations and bills of materials: by cosign's tags, and by what says it is about a digest."""
        asked = list(dict.fromkeys(digests))
        tags = {fallback_tag(digest) + ending: digest for digest in asked for ending in _BESIDE}
        found = self.lookups.map(self.registry.digest_of, tags)
        lists = self.lookups.map(self.registry.referrers, asked)
        for (tag, digest), beside in zip(tags.items(), found):
            if beside is not None:
                yield self.image.reference.tagged(tag), self._read(beside), f"beside {digest}"
        for digest, rows in zip(asked, lists):
            if len(rows) > _REFERRERS:
                raise BundleError(f"{len(rows)} things say they are about {digest}, more than {_REFERRERS}.")
            yield from self._about(digest, rows)

    def _about(self, digest: str, rows: Sequence[Descriptor]) -> Iterator[Tuple[Reference, Document, str]]:
        for row in {row.digest: row for row in rows}.values():
            if row.media_type not in MANIFESTS:
                self.warnings.append(
                    f"image {self.image.name}: {row.digest} beside it is of an unknown kind, and is left."
                )
                continue
            document = self._read(row.digest, row.size)
            if document.subject == digest and not document.is_index:
                yield self.image.reference.pinned(row.digest), document, f"about {digest}"

    def _proof(self, beside: Sequence[Tuple[Reference, Document, str]]) -> str:
        image, proofs = self.image, []
        if image.reference.digest:
            proofs.append("digest in the BOM")
        if image.key:
            proofs.append(self._check_signature(beside))
        if proofs:
            return " and ".join(proofs)
        how = "without TLS" if image.plain_http else "over TLS"
        self.warnings.append(
            f"image {image.name} has neither pinned digest nor checked signature. Reason given: {image.unverified}"
        )
        return f"unverified: {image.unverified} (tag resolved {how}, digest {self.digest})"

    def _check_signature(self, beside: Sequence[Tuple[Reference, Document, str]]) -> str:
        key = oci_signature.PublicKey(self.image.key, what=self.image.name)
        tag = f"{fallback_tag(self.digest)}.sig"
        document = next((document for reference, document, _proof in beside if reference.tag == tag), None)
        if document is None:
            raise BundleError(f"there is no signature of cosign beside it (tag {tag}).")
        statement = oci_signature.verify(document, self._blob, key, self.digest, "the image")
        return f"signature {statement} by key {key.fingerprint}"


def choose(top: Document, platforms: Sequence[str]) -> List[Descriptor]:
    """The manifests of an index that are wanted, and what its builder says about these."""
    if ALL in platforms:
        chosen = list(top.children)
    else:
        chosen = [_one(top, wanted) for wanted in platforms]
        digests = {child.digest for child in chosen}
        chosen += [child for child in top.children if child.note(_ABOUT) in digests and child.digest not in digests]
    return list({child.digest: child for child in chosen}.values())


def _one(top: Document, wanted: str) -> Descriptor:
    found = [child for child in top.children if child.platform == wanted]
    found = found or [child for child in top.children if _fits(child.platform, wanted)]
    if len({child.digest for child in found}) != 1:
        there = ", ".join(sorted({child.platform for child in top.children if child.platform})) or "none"
        what = "several images" if found else "no image"
        raise BundleError(f"it has {what} for {wanted}; it has these: {there}.")
    return found[0]


def _fits(platform: str, wanted: str) -> bool:
    """A wanted platform without a variant takes any."""
    return platform == wanted or platform.startswith(f"{wanted}/")
