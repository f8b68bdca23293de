# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""XML of yum repositories: no document types, no entities, and packages as the exact text that upstream wrote."""

from __future__ import annotations

import mmap
import re
from typing import Dict, Iterable, List, Pattern, Union
from xml.etree import ElementTree

from ..errors import BundleError

Text = Union[bytes, mmap.mmap]
COMMON = "http://linux.duke.edu/metadata/common"
RPM = "http://linux.duke.edu/metadata/rpm"
REPO = "http://linux.duke.edu/metadata/repo"
_FRAGMENT_LIMIT = 64 << 20
_ENCODING = re.compile(rb"""<\?xml[^>]*encoding=["'](?!utf-8["'])""", re.IGNORECASE)
_PACKAGE, _PACKAGE_END = b"<package ", b"</package>"
# Where each kind of metadata says which package an element is about. A "<" in any text would be written "&lt;".
PRIMARY_ID: Pattern[bytes] = re.compile(rb"<checksum\s[^<>]*>\s*([0-9a-f]{64})\s*</checksum>")
PACKAGE_ID: Pattern[bytes] = re.compile(rb"""<package [^<>]*?pkgid=["']([0-9a-f]{64})["']""")


def check(text: Text, *, what: str) -> None:
    """What has no declarations, comments and CDATA can hide nothing from a search for tags."""
    if text.find(b"<!") >= 0:
        raise BundleError(
            f"{what} has a document type, a comment or CDATA, which such metadata never has; it is refused."
        )
    if text.find(b"\0") >= 0 or _ENCODING.match(text[:200]):
        raise BundleError(f"{what} is not in UTF-8.")


def parse(data: bytes, *, what: str) -> ElementTree.Element:
    """A small document. It is given as text, so that no declaration in it says how it is to be read."""
    check(data, what=what)
    try:
        return ElementTree.fromstring(data.decode("utf-8"))  # noqa: S314 (what could harm was refused above)
    except (ElementTree.ParseError, ValueError) as error:
        raise BundleError(f"{what} is not readable XML: {error}.") from error


def parse_fragment(fragment: str, *, what: str, namespace: str = COMMON) -> ElementTree.Element:
    """One element on its own, which may use no other names than such files do."""
    wrapped = f'<x xmlns="{namespace}" xmlns:rpm="{RPM}">{fragment}</x>'
    children = list(parse(wrapped.encode(), what=what))
    if len(children) != 1:
        raise BundleError(f"{what} is not one element.")
    return children[0]


def packages(text: Text, wanted: Iterable[str], identity: Pattern[bytes], *, what: str) -> Dict[str, str]:
    """The package elements of the wanted checksums, word for word."""
    check(text, what=what)
    rest = set(wanted)
    found: Dict[str, str] = {}
    for match in identity.finditer(text):
        sha256 = match.group(1).decode()
        if sha256 in rest:
            rest.discard(sha256)
            start = text.rfind(_PACKAGE, 0, match.start() + len(_PACKAGE))
            found[sha256] = _cut(text, start, _PACKAGE_END, f"{what}, package {sha256},")
    return found


def elements(text: Text, name: bytes, *, what: str) -> List[str]:
    """All elements of a name that do not nest."""
    check(text, what=what)
    found = []
    for match in re.finditer(rb"<" + name + rb"[\s>]", text):
        found.append(_cut(text, match.start(), b"</" + name + b">", what))
    return found


def _cut(text: Text, start: int, end: bytes, what: str) -> str:
    stop = text.find(end, start)
    if start < 0 or stop < 0 or stop - start > _FRAGMENT_LIMIT:
        raise BundleError(f"{what} has no end where one is expected.")
    try:
        return text[start : stop + len(end)].decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"{what} is not in UTF-8.") from error
