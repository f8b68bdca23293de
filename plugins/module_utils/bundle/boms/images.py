# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The images section of a bill of materials."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Tuple

from ..names import union
from ..oci import DIGEST, PLATFORM, Reference
from ..reader import Reader, read_reason

ALL = "all"
LATEST = "latest"
PLATFORMS = ("linux/amd64",)


@dataclass(frozen=True)
class ImageItem:
    """One image, and by what it is known to be the right one."""

    reference: Reference
    platforms: Tuple[str, ...] = PLATFORMS
    key: str = ""  # public key of a cosign signature: a path, or its PEM text
    unverified: str = ""
    plain_http: str = ""  # why its registry speaks no TLS
    why: str = ""  # the chart that names it; empty when the BOM does

    @property
    def name(self) -> str:
        return self.reference.name

    @property
    def is_proven(self) -> bool:
        """Whether something vouches for it, or somebody says why nothing can."""
        named = bool(self.key or self.unverified) and self.reference.tag not in ("", LATEST)
        return named or bool(self.reference.digest)


def read(reader: Reader, where: str, row: object) -> Optional[ImageItem]:
    keys = ("name", "digest", "platforms", "signature", "unverified", "plain_http")
    item = reader.table(where, row, keys, ("name",))
    if item is None:
        return None
    key = ""
    if item.get("signature") is not None:
        signature = reader.table(f"{where}.signature", item["signature"], ("key",), ("key",)) or {}
        key = reader.text(f"{where}.signature.key", signature.get("key"))
    reference = read_reference(reader, where, item.get("name"), item.get("digest"))
    if reference is None:
        return None
    if not reference.digest and item.get("signature") is None and item.get("unverified") is None:
        reader.wrong(where, "give digest or signature, or say in unverified.reason why neither can be had.")
    return ImageItem(
        reference=reference,
        platforms=read_platforms(reader, f"{where}.platforms", item.get("platforms")),
        key=key,
        unverified=read_reason(reader, f"{where}.unverified", item.get("unverified")),
        plain_http=read_reason(reader, f"{where}.plain_http", item.get("plain_http")),
    )


def read_reference(reader: Reader, where: str, value: object, digest: object = None) -> Optional[Reference]:
    """A reference that means the same thing tomorrow."""
    text = reader.text(f"{where}.name", value)
    reference = Reference.parse(text)
    if reference is None:
        if text:
            told = "the reference of an image with its registry, such as docker.io/library/nginx:1.29"
            reader.wrong(f"{where}.name", f"{text!r} is not {told}.")
        return None
    if digest is not None:
        pinned = reader.text(f"{where}.digest", digest, DIGEST, "sha256: and 64 lower-case hexadecimal digits")
        if reference.digest not in ("", pinned):
            reader.wrong(f"{where}.digest", "the name gives another digest.")
        reference = replace(reference, digest=pinned)
    if reference.tag in ("", LATEST) and not reference.digest:
        reader.wrong(
            f"{where}.name", f"{text!r} means something else every day; give a tag of one version, or a digest."
        )
    return reference


def read_platforms(reader: Reader, where: str, value: object) -> Tuple[str, ...]:
    if value is None:
        return PLATFORMS
    if value == ALL:
        return (ALL,)
    if isinstance(value, (list, tuple)) and not value:
        reader.wrong(where, "name at least one platform.")
    told = "a platform such as linux/amd64 or linux/arm/v7"
    return reader.texts(where, value, PLATFORM, told)


def join(reader: Reader, images: List[ImageItem]) -> Tuple[ImageItem, ...]:
    """The same image in several BOMs is one, for the platforms of all."""
    joined: Dict[str, ImageItem] = {}
    for item in images:
        other = joined.get(item.name, item)
        if replace(other, platforms=()) != replace(item, platforms=()):
            reader.wrong("images", f"{item.name} is given twice, with different proofs.")
        platforms = union(other.platforms, item.platforms)
        joined[item.name] = replace(item, platforms=(ALL,) if ALL in platforms else platforms)
    return tuple(joined.values())
