# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""One repository of a container registry, spoken to in the distribution protocol."""

from __future__ import annotations

import re
from typing import BinaryIO, Dict, List, Optional
from urllib.parse import quote, urlsplit

from . import fsutil
from .access import origin_of
from .errors import BundleError
from .fetch import Client
from .oci import DIGEST, DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST, MANIFEST_LIMIT, Descriptor, Document
from .transport import REDIRECTS, check_url, joined

_NONE = (400, 403, 404, 405, 406, 501)  # registries that know no referrers say so in many ways
_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')
_PAGES = 20
_LINK_LIMIT = 4096
MANIFESTS = (INDEX, MANIFEST, DOCKER_LIST, DOCKER_MANIFEST)


class Registry:
    """A repository by its URL, such as https://registry.example.com/v2/team/image."""

    def __init__(self, client: Client, base: str) -> None:
        self.client = client
        self.base = base

    def manifest_url(self, target: str) -> str:
        return f"{self.base}/manifests/{target}"

    def blob_url(self, digest: str) -> str:
        return f"{self.base}/blobs/{digest}"

    def digest_of(self, target: str) -> Optional[str]:
        """What a tag stands for now, at the price of one small request. None when there is no such tag."""
        url = self.manifest_url(target)
        reply = self.client.exchange("HEAD", url, also=(404, 405))
        if reply.status == 404:
            return None
        digest = reply.headers.get("docker-content-digest", "")
        if reply.status == 200 and DIGEST.fullmatch(digest):
            return digest
        reply = self.client.exchange("GET", url, limit=MANIFEST_LIMIT, also=(404,))
        return f"sha256:{fsutil.sha256_bytes(reply.body)}" if reply.status == 200 else None

    def manifest(self, digest: str) -> bytes:
        """A manifest by its digest: the very bytes that hash to it."""
        url = self.manifest_url(digest)
        data = self.client.exchange("GET", url, limit=MANIFEST_LIMIT).body
        if f"sha256:{fsutil.sha256_bytes(data)}" != digest:
            raise BundleError(
                f"{url} has another content than its digest says; the registry, or somebody before it, is not honest."
            )
        return data

    def referrers(self, digest: str) -> List[Descriptor]:
        """Manifests that say they are about this one: by the registry's list, or by the tag that stands in for it."""
        url = f"{self.base}/referrers/{digest}"
        found: List[Descriptor] = []
        for _page in range(_PAGES):
            reply = self.client.exchange("GET", url, limit=MANIFEST_LIMIT, also=_NONE)
            if reply.status != 200:
                break
            found += Document.parse(reply.body, url).children
            following = _NEXT.search(reply.headers.get("link", "")[:_LINK_LIMIT])
            if following is None:
                return found
            url = self._same_server(url, following.group(1))
        fallback = self.digest_of(fallback_tag(digest))
        if fallback is not None:
            found += Document.parse(self.manifest(fallback), self.manifest_url(fallback)).children
        return found

    def has_blob(self, digest: str) -> bool:
        """One that lies elsewhere is there too: the address of it need not be followed."""
        return self.client.exchange("HEAD", self.blob_url(digest), also=(404, *REDIRECTS)).status != 404

    def has_manifest(self, digest: str) -> bool:
        return self.client.exchange("HEAD", self.manifest_url(digest), also=(404,)).status == 200

    def push_blob(self, digest: str, size: int, content: BinaryIO, *, mount_from: str = "") -> bool:
        """Upload a blob in one piece, unless the registry can take it from another repository. Returns whether it was sent."""
        start = f"{self.base}/blobs/uploads/"
        asked = f"{start}?mount={quote(digest)}&from={quote(mount_from)}" if mount_from else start
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}

        def once() -> bool:
            # A broken upload is begun again: what the registry has of it is not known.
            reply = self.client.once("POST", asked, headers={"Content-Length": "0"}, also=(201, 202))
            if reply.status == 201:
                return False
            url = self._same_server(start, reply.headers.get("location", ""))
            url += f"{'&' if '?' in url else '?'}digest={quote(digest)}"
            self.client.once("PUT", url, headers=headers, body=content, also=(201,))
            return True

        return self.client.patiently(once, start, "push to")

    def push_manifest(self, target: str, document: Document) -> Dict[str, str]:
        """Returns the headers of the answer."""
        headers = {"Content-Type": document.media_type}
        reply = self.client.exchange("PUT", self.manifest_url(target), headers=headers, body=document.data, also=(201,))
        told = reply.headers.get("docker-content-digest", document.digest)
        if told != document.digest:
            raise BundleError(
                f"{self.manifest_url(target)} was pushed as {document.digest}, but the registry made {told} of it."
            )
        return dict(reply.headers)

    def _same_server(self, url: str, following: str) -> str:
        """Where the registry goes on; never at another server, which would get what is meant for this one."""
        target = check_url(joined(url, following, self.base), self.base, kept=False)
        if not following or origin_of(target) != origin_of(self.base):
            raise BundleError(
                f"{self.base} goes on at {urlsplit(target).scheme}://{urlsplit(target).netloc}, which is another server and not "
                "followed. If a proxy stands before the registry, tell the registry the address that clients use."
            )
        return target


def fallback_tag(digest: str) -> str:
    """The tag under which registries without a list of referrers keep an index of them."""
    return digest.replace(":", "-", 1)
