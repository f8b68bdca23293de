# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The file source: one file from a URL or a path, known by its sha256, by a signature, or by neither for a stated reason."""

from __future__ import annotations

import functools
import os
import re
from typing import Any, List, Mapping, Optional, Tuple

from .. import fsutil, key_expiry
from ..boms.files import FileItem, Signature
from ..errors import BundleError
from ..lock import Evidence, Item
from ..openpgp import Keyring
from ..workspace import Resolved, Workspace
from . import mattermost

_LIMIT = 64 << 30  # of a file whose size nobody tells before
_RELEASE = re.compile(r".*?-v?(\d+\.\d+\.\d+)[-.].*")


class FileResolver:
    """One file of a BOM."""

    def __init__(self, item: FileItem, workspace: Workspace) -> None:
        self.item = item
        self.workspace = workspace

    def survey(self) -> List[str]:
        return [f"{self.item.url} {self._content[0]} {self._signature_digest}"]

    def resolve(self) -> Resolved:
        item, (sha256, size) = self.item, self._content
        proof = "sha256 in the BOM"
        resolved = Resolved()
        path = self.workspace.locate(sha256, size) if self._is_opened else None
        if item.signature is not None and self._signature is not None and path is not None:
            proof = self._check_signature(item.signature, self._signature, path, resolved)
        elif item.signature is None and not item.sha256:
            proof = f"unverified: {item.unverified}"
            resolved.warnings.append(
                f"file {item.name} has neither signature nor pinned sha256. Reason given: {item.unverified}"
            )
        version = item.version or self._version_in_name()
        if item.kind == "plugin" and path is not None:
            version = self._read_plugin(path, resolved)
        if self._is_opened and path is None:
            unseen = "signature is not checked" if item.signature is not None else "manifest is not read"
            resolved.warnings.append(f"file {item.name}: check mode does not fetch it, so its {unseen} yet.")
        locked = Item(item.kind, item.name, size, sha256, item.url, proof, version, destination=item.destination)
        resolved.items.append(locked)
        return resolved

    @property
    def _is_opened(self) -> bool:
        """Whether the file itself is needed to make the lock."""
        return self.item.signature is not None or self.item.kind == "plugin"

    @functools.cached_property
    def _signature(self) -> Optional[bytes]:
        return self.workspace.fetch_small(self.item.signature.url) if self.item.signature is not None else None

    @functools.cached_property
    def _content(self) -> Tuple[str, int]:
        """Sha256 and size. What the BOM pins, and nothing else has to check, is not fetched for that."""
        item, known = self.item, self.workspace.memory.get(self.item.url, {})
        if item.sha256 and known.get("sha256") == item.sha256 and (not self._is_opened or self._is_held(known)):
            return item.sha256, known["size"]
        size, validators = self.workspace.client.head(item.url)
        if item.sha256 and not self._is_opened and size is not None:
            return self._learn(item.sha256, size, {})
        if not item.sha256 and self._is_held(known) and self._is_unchanged(known, size, validators):
            return known["sha256"], known["size"]
        if self.workspace.checking:
            return item.sha256, size or 0
        return self._fetch(validators)

    def _fetch(self, validators: Mapping[str, str]) -> Tuple[str, int]:
        item, store = self.item, self.workspace.store
        part = store.part(item.sha256 or fsutil.sha256_bytes(item.url.encode()))
        fetched = self.workspace.client.download(item.url, part, sha256=item.sha256 or None, limit=_LIMIT)
        store.adopt(part, fetched.sha256)
        return self._learn(fetched.sha256, fetched.size, validators)

    def _learn(self, sha256: str, size: int, validators: Mapping[str, str]) -> Tuple[str, int]:
        memory = {**validators, "sha256": sha256, "size": size, "signature": self._signature_digest}
        self.workspace.memory[self.item.url] = memory
        return sha256, size

    def _is_held(self, known: Mapping[str, Any]) -> bool:
        return "sha256" in known and self.workspace.locate(known["sha256"], known["size"]) is not None

    def _is_unchanged(self, known: Mapping[str, Any], size: Optional[int], validators: Mapping[str, str]) -> bool:
        """By what the server says of the file; where it says nothing, by a signature that is still the same."""
        if known["size"] != size:
            return False
        if validators:
            return all(known.get(key) == value for key, value in validators.items())
        return self.item.signature is not None and known.get("signature") == self._signature_digest

    @property
    def _signature_digest(self) -> str:
        return fsutil.sha256_bytes(self._signature or b"")

    def _check_signature(self, wanted: Signature, signature: bytes, path: str, resolved: Resolved) -> str:
        name = self.item.name
        keyring = Keyring.given(wanted.keyring)
        try:
            signers = keyring.verify_detached(path, signature, what=f"file {name}")
        except BundleError as error:
            gone = key_expiry.expired(keyring, self.workspace.now)
            if not gone:
                raise
            raise BundleError(
                f"{error} Expired: {', '.join(gone)}. Get the key that its publisher uses now."
            ) from error
        digest = self.workspace.keep(signature)
        facts = {"of": name, "signed_by": signers, **key_expiry.facts(keyring, signers)}
        resolved.evidence.append(Evidence("signature", len(signature), digest, wanted.url, facts=facts))
        pinned = "sha256 in the BOM and " if self.item.sha256 else ""
        return f"{pinned}signature {digest} by {', '.join(signers)}"

    def _read_plugin(self, path: str, resolved: Resolved) -> str:
        """The version a plugin has by its manifest, which goes along as evidence."""
        name, given = self.item.name, self.item.version
        data, facts = mattermost.read_plugin(path, name=name)
        version = str(facts.get("version", ""))
        if given and version and given.lstrip("v") != version.lstrip("v"):
            raise BundleError(f"plugin {name} is {version} by its manifest, not {given}, as the BOM says.")
        digest = self.workspace.keep(data)
        resolved.evidence.append(Evidence(mattermost.PLUGIN, len(data), digest, facts=facts))
        return version or given

    def _version_in_name(self) -> str:
        """Release files of the vendor carry their version in their name."""
        match = _RELEASE.fullmatch(os.path.basename(self.item.destination))
        return match.group(1) if match is not None and self.item.kind != "file" else ""
