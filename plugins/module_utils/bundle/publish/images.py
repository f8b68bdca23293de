# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The images of a depot as one OCI image layout, which skopeo and podman read, and from which registries are filled."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Sequence, Tuple

from .. import fsutil
from ..depot_tree import Held, Tree
from ..errors import BundleError
from ..kinds import IMAGES
from ..lock import Item
from ..oci import DOCKER_LIST, INDEX, REF_NAME, Descriptor, Document, make_index, walk

LAYOUT = "images"


def publish(tree: Tree, bundles: Sequence[Held]) -> Dict[str, Any]:
    """Every image under the name it has upstream, all blobs once. Two bundles may bring one image, but not two of one name."""
    images: Dict[str, Item] = {}
    objects: Dict[str, Item] = {}
    for item in (item for held in bundles for item in held.lock.items if item.kind in IMAGES):
        objects[item.sha256] = item
        if item.kind == "image" and images.setdefault(item.name, item).sha256 != item.sha256:
            raise BundleError(f"Two bundles bring different images as {item.name}; change one BOM.")
    if not images:
        return {"images": [], "image_attachments": []}
    layout = _Layout(tree, objects)
    told = [layout.place(images[name]) for name in sorted(images)]
    layout.finish()
    return {
        "images": [row for row in told if row["why"] not in images],
        "image_attachments": [row for row in told if row["why"] in images],
    }


class _Layout:
    """An image layout in the tree of a generation."""

    def __init__(self, tree: Tree, objects: Dict[str, Item]) -> None:
        self.tree = tree
        self.objects = objects
        self.rows: List[Dict[str, Any]] = []
        self.made: Dict[str, bytes] = {}  # indexes of what is carried of an upstream index, by sha256

    def place(self, item: Item) -> Dict[str, Any]:
        """An image's line in the index of the layout; returns what people are told of it."""
        upstream = Document.parse(self._read(item.sha256), item.name)
        document, platforms = self._stand_in(upstream, item)
        below: Dict[str, int] = {}
        for part in walk(document, self._read):
            below.update({blob.sha256: blob.size for blob in part.blobs})
            below[part.describe().sha256] = len(part.data)
        absent = sorted(sha256 for sha256 in below if sha256 not in self.objects and sha256 not in self.made)
        if absent:
            raise BundleError(f"The image {item.name} is not complete: no bundle brings sha256:{absent[0]}.")
        row = {"mediaType": document.media_type, "digest": document.digest, "size": len(document.data)}
        self.rows.append({**row, "annotations": {REF_NAME: item.name}})
        told = {
            "name": item.name,
            "version": item.version,
            "platform": platforms,
            "digest": document.digest,
            "bytes": sum(below.values()),
            "upstream": upstream.digest,
            "why": item.why,
        }
        return told

    def _stand_in(self, upstream: Document, item: Item) -> Tuple[Document, List[str]]:
        """What goes by the image's name here: of an index whose images are not all here, the one that is, or an index of those."""
        if not upstream.is_index:
            return upstream, [item.architecture] if item.architecture else []
        here = [child for child in upstream.children if child.sha256 in self.objects]
        images = [child for child in here if child.platform]
        platforms = [child.platform for child in images]
        if len(here) == len(upstream.children):
            return upstream, platforms
        if not images:
            raise BundleError(f"The image {item.name} is not complete: no bundle brings an image of its index.")
        if len({child.digest for child in images}) == 1:
            return Document.parse(self._read(images[0].sha256), item.name), platforms
        return Document.parse(self._make(here, upstream.media_type), item.name), platforms

    def _make(self, children: List[Descriptor], media_type: str) -> bytes:
        data = make_index(children, media_type=DOCKER_LIST if media_type == DOCKER_LIST else INDEX)
        self.made[fsutil.sha256_bytes(data)] = data
        return data

    def _read(self, sha256: str) -> bytes:
        data = self.made.get(sha256) or self.tree.store.read(sha256)
        if data is None:
            raise BundleError(f"The depot does not hold sha256:{sha256}, or it is damaged.")
        return data

    def finish(self) -> None:
        for sha256, item in self.objects.items():
            self.tree.link(item, f"{LAYOUT}/blobs/sha256/{sha256}")
        for sha256, data in self.made.items():
            self.tree.write(f"{LAYOUT}/blobs/sha256/{sha256}", data)
        self.tree.write(f"{LAYOUT}/oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self.rows}
        self.tree.write_signed(f"{LAYOUT}/index.json", fsutil.dump_lines(document))
