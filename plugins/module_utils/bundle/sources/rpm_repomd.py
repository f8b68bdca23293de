# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""repomd.xml: the table of contents of a yum repository, from which everything else hangs by its sha256."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Mapping, Optional
from xml.etree.ElementTree import Element

from .. import fsutil
from ..errors import BundleError
from ..unpack import ending_of
from . import rpm_xml

USED = ("primary", "filelists", "other", "updateinfo", "modules")
_PACKED_LIMIT = 512 << 20
_OPEN_LIMIT = 2 << 30
_PART = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._+~^=@:,-]+"
_HREF = re.compile(rf"{_PART}(?:/{_PART})*")
_XML_BASE = "{http://www.w3.org/XML/1998/namespace}base"


@dataclass(frozen=True)
class Metadata:
    """One metadata file of a repository."""

    kind: str
    href: str
    sha256: str
    size: int
    limit: int  # of what it is when it is decompressed

    @property
    def ending(self) -> str:
        return ending_of(self.href)


@dataclass(frozen=True)
class Repomd:
    """What a repository consists of now."""

    revision: int
    files: Mapping[str, Metadata]


def href_of(element: Optional[Element], *, what: str) -> str:
    """The place that a location element names, which has to be inside the repository."""
    href = element.get("href", "") if element is not None else ""
    if element is None or _HREF.fullmatch(href) is None or element.get(_XML_BASE) is not None:
        raise BundleError(f"{what} lies at {href!r}, which is no plain path inside the repository; it is refused.")
    return href


def read_repomd(data: bytes, *, where: str) -> Repomd:
    what = f"The metadata of {where}"
    root = rpm_xml.parse(data, what=what)
    if root.tag != f"{{{rpm_xml.REPO}}}repomd":
        raise BundleError(f"{what} is no repomd.xml.")
    files: Dict[str, Metadata] = {}
    moments = [0]
    for element in root.iterfind(f"{{{rpm_xml.REPO}}}data"):
        moments.append(_number(_text(element, "timestamp")))
        kind = element.get("type", "")
        if kind in USED:
            if kind in files:
                raise BundleError(f"{what} lists {kind} twice.")
            files[kind] = _read_data(element, kind, what)
    for kind in ("primary", "filelists"):
        if kind not in files:
            raise BundleError(f"{what} lists no {kind}.")
    return Repomd(_number(_text(root, "revision")) or max(moments), files)


def _read_data(element: Element, kind: str, what: str) -> Metadata:
    told = element.find(f"{{{rpm_xml.REPO}}}checksum")
    algorithm = told.get("type", "") if told is not None else "nothing"
    sha256 = _text(element, "checksum")
    if algorithm != "sha256" or not fsutil.is_sha256(sha256):
        raise BundleError(f"{what} gives no sha256 of {kind}, but {algorithm}; only SHA-256 is believed.")
    size, open_size = (_number(_text(element, name)) for name in ("size", "open-size"))
    if not 0 < size <= _PACKED_LIMIT:
        raise BundleError(f"{what} gives {kind} a size of {size} bytes; from 1 to {_PACKED_LIMIT} are accepted.")
    href = href_of(element.find(f"{{{rpm_xml.REPO}}}location"), what=f"{kind} of {what[0].lower()}{what[1:]}")
    return Metadata(kind, href, sha256, size, min(open_size or _OPEN_LIMIT, _OPEN_LIMIT))


def _text(element: Element, name: str) -> str:
    return (element.findtext(f"{{{rpm_xml.REPO}}}{name}") or "").strip()


def _number(text: str) -> int:
    """A time stamp, which some tools write with a fraction."""
    whole = text.partition(".")[0]
    return int(whole) if whole.isdecimal() and len(whole) < 20 else 0
