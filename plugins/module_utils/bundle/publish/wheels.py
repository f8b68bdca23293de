# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Wheels of a depot: a simple index (PEP 503) for each set, which pip installs from without any other."""

from __future__ import annotations

import posixpath
import re
from html import escape
from typing import Any, Dict, Iterable, List, Sequence, Tuple
from urllib.parse import quote

from ..depot_tree import Held, Tree
from ..errors import BundleError
from ..lock import Item

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_VERSION = re.compile(r"[A-Za-z0-9.!+_-]+")
_PAGE = (
    '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<meta name="pypi:repository-version" content="1.0">\n'
)


def publish(tree: Tree, bundles: Sequence[Held]) -> Dict[str, Any]:
    """Every set with its files, index, and the requirements that install exactly what it holds."""
    sets: Dict[str, Dict[str, Item]] = {}
    for item in (item for held in bundles for item in held.lock.items if item.kind == "wheel"):
        sound = _NAME.fullmatch(item.name) and _VERSION.fullmatch(item.version) and item.destination.count("/") == 1
        if not sound:
            raise BundleError(
                f"A bundle brings the wheel {item.destination} with no name and version that pip could ask for."
            )
        wheels = sets.setdefault(posixpath.dirname(item.destination), {})
        if wheels.setdefault(item.name, item).sha256 != item.sha256:
            raise BundleError(
                f"Two bundles bring different wheels of {item.name} for the set {item.group}; give the sets different names."
            )
    rows = [_publish_set(tree, path, [sets[path][name] for name in sorted(sets[path])]) for path in sorted(sets)]
    return {"wheels": rows}


def _publish_set(tree: Tree, path: str, wheels: List[Item]) -> Dict[str, Any]:
    base = f"wheels/{path}"
    if not tree.reuse(base, [[item.name, item.version, item.sha256, item.destination] for item in wheels]):
        _write_set(tree, base, wheels)
    return {
        "name": path,
        "path": base,
        "index": f"{base}/simple/",
        "packages": len(wheels),
        "bytes": sum(item.size for item in wheels),
        "architecture": wheels[0].architecture,
    }


def _write_set(tree: Tree, base: str, wheels: List[Item]) -> None:
    for item in wheels:
        tree.link(item, f"wheels/{item.destination}")
        link = f"../../{quote(posixpath.basename(item.destination))}#sha256={item.sha256}"
        tree.write(
            f"{base}/simple/{item.name}/index.html", _page(item.name, [(link, posixpath.basename(item.destination))])
        )
    tree.write(f"{base}/simple/index.html", _page(base, [(f"{item.name}/", item.name) for item in wheels]))
    pins = "".join(f"{item.name}=={item.version} --hash=sha256:{item.sha256}\n" for item in wheels)
    tree.write_signed(f"{base}/requirements.txt", pins.encode())


def _page(title: str, links: Iterable[Tuple[str, str]]) -> bytes:
    rows = "".join(f'<a href="{escape(link)}">{escape(text)}</a><br>\n' for link, text in links)
    return f"{_PAGE}<title>{escape(title)}</title>\n{rows}</html>\n".encode()
