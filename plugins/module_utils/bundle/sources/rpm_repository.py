# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""One yum repository upstream: its signed table of contents, and its metadata files decompressed."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple, Union
from urllib.parse import quote

from .. import fsutil, key_expiry
from ..boms.rpm import RpmSource
from ..errors import BundleError
from ..lock import Evidence
from ..openpgp import Keyring
from ..rpmkeys import armour
from ..unpack import unpack
from ..workspace import Workspace
from .rpm_repomd import Metadata, Repomd, read_repomd


@dataclass(frozen=True)
class Opened:
    """A repository as it was found just now."""

    source: RpmSource
    repomd: Repomd
    sha256: str
    size: int
    keys: Tuple[str, ...]
    signed_by: Tuple[str, ...] = ()
    signature: Tuple[Evidence, ...] = ()
    paths: Dict[str, str] = field(default_factory=dict)  # decompressed metadata files by kind

    @property
    def url(self) -> str:
        return repomd_url(self.source)


def repomd_url(source: RpmSource) -> str:
    return f"{source.baseurl}/repodata/repomd.xml"


def keyring_of(source: RpmSource) -> Keyring:
    keys = [
        entry.encode() if "-----BEGIN PGP" in entry else fsutil.read_plain(os.path.realpath(entry))
        for entry in source.signed_by
    ]
    return Keyring(keys, what=f"the keys given for {source.baseurl}")


_Verified = Tuple[bytes, Tuple[str, ...], Tuple[Evidence, ...]]


def open_repository(source: RpmSource, workspace: Workspace, group: str) -> Opened:
    """Fetch and verify repomd.xml. Where it is signed, a mirror that lags does not take us back."""
    url = repomd_url(source)
    keyring = keyring_of(source)
    before = workspace.memory.get(url, {})
    verified = _fetch(source, workspace, keyring, group)
    held = workspace.read(before.get("sha256", "")) if source.repo_gpgcheck else None
    if held is not None and _revision(held, source) > _revision(verified[0], source):
        verified = _hold(source, workspace, keyring, group, before, held) or verified
    workspace.memory[url]["signature"] = workspace.memory.get(f"{url}.asc", {})
    data, signers, proof = verified
    keys = tuple(key for packets in keyring.packets for key in armour(packets))
    repomd = read_repomd(data, where=source.baseurl)
    return Opened(source, repomd, workspace.keep(data), len(data), keys, signers, proof)


def _revision(data: bytes, source: RpmSource) -> int:
    return read_repomd(data, where=source.baseurl).revision


def _hold(
    source: RpmSource, workspace: Workspace, keyring: Keyring, group: str, before: Dict[str, Any], held: bytes
) -> Optional[_Verified]:
    """What was verified earlier and is newer, unless the keys of today do not vouch for it any more."""
    url, memory = repomd_url(source), workspace.memory
    asked = url, f"{url}.asc"
    fresh = [memory[name] for name in asked]
    memory[url], memory[f"{url}.asc"] = before, before.get("signature", {})
    try:
        return _verify(source, workspace, keyring, group, held)
    except BundleError:
        memory.update(zip(asked, fresh))
        return None


def _fetch(source: RpmSource, workspace: Workspace, keyring: Keyring, group: str) -> _Verified:
    """A publisher replaces repomd.xml and its signature one after the other; who asks in between asks again."""
    try:
        return _verify(source, workspace, keyring, group, workspace.fetch_small(repomd_url(source)) or b"")
    except BundleError:
        return _verify(source, workspace, keyring, group, workspace.fetch_small(repomd_url(source)) or b"")


def _verify(source: RpmSource, workspace: Workspace, keyring: Keyring, group: str, data: bytes) -> _Verified:
    """The signature is asked for only when repomd.xml is another than the one it was seen to belong to."""
    if not source.repo_gpgcheck:
        return data, (), ()
    url, digest = f"{repomd_url(source)}.asc", fsutil.sha256_bytes(data)
    known = workspace.memory.get(url, {})
    signature = workspace.read(known.get("sha256", "")) if known.get("of") == digest else None
    if signature is None:
        signature = workspace.fetch_small(url) or b""
    signers = tuple(keyring.verify_detached(data, signature, what=f"the metadata of {source.baseurl}"))
    workspace.memory[url]["of"] = digest
    proof = Evidence("repomd_signature", len(signature), workspace.keep(signature), url, group)
    return data, signers, (proof,)


def fetch_metadata(opened: Opened, workspace: Workspace) -> None:
    """Bring in what this version reads of the metadata, and decompress it where an earlier run has not."""
    for kind, told in opened.repomd.files.items():
        name = f"{told.sha256}.{kind}"
        caches = workspace.index_caches
        places = [path for path in (os.path.join(cache, name) for cache in caches) if fsutil.size_of(path) is not None]
        if not places:
            packed = workspace.fetch(_url(opened, told), sha256=told.sha256, size=told.size)
            places = [os.path.join(caches[-1], name)]
            what = f"{kind} of {opened.source.baseurl}"
            unpack(packed, places[0], ending=told.ending, limit=told.limit, what=what)
        opened.paths[kind] = places[0]


def evidence(opened: Opened, group: str, *, indexes: bool) -> List[Evidence]:
    """What proves that the chosen packages are upstream's."""
    facts = {
        "baseurl": opened.source.baseurl,
        "revision": opened.repomd.revision,
        "signed_by": list(opened.signed_by),
        **key_expiry.facts(keyring_of(opened.source), opened.signed_by),
        **({"reason": opened.source.reason} if opened.source.reason else {}),
    }
    found = [Evidence("repomd", opened.size, opened.sha256, opened.url, group, facts), *opened.signature]
    for told in opened.repomd.files.values() if indexes else ():
        facts = {"path": told.href, "release": opened.sha256}
        found.append(Evidence("index", told.size, told.sha256, _url(opened, told), group, facts))
    return found


def _url(opened: Opened, told: Metadata) -> str:
    return package_url(opened.source, told.href)


def package_url(source: RpmSource, href: str) -> str:
    return f"{source.baseurl}/{quote(href, safe='/:~+^=@,')}"


def mapped(path: str) -> Union[bytes, mmap.mmap]:
    """A file that may be large, as one text to search."""
    with fsutil.open_plain(path) as handle:
        if os.fstat(handle.fileno()).st_size == 0:
            return b""  # an empty file cannot be mapped
        return mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
