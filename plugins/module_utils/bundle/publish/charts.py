# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The Helm charts of a depot, with the index that makes a repository of them."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Sequence

from .. import fsutil
from ..depot_tree import Held, Tree, told_item
from ..errors import BundleError
from ..lock import Item, stamp


def publish(tree: Tree, bundles: Sequence[Held]) -> Dict[str, Any]:
    """Every chart once, and index.yaml for helm. Two bundles may bring the same chart, but not two of one name and version."""
    charts: Dict[str, Item] = {}
    entries: Dict[str, Dict[str, Any]] = {}
    for lock in (held.lock for held in bundles):
        for item in (item for item in lock.items if item.kind == "chart"):
            if charts.setdefault(item.destination, item).sha256 != item.sha256:
                raise BundleError(f"Two bundles bring different charts as charts/{item.destination}; change one BOM.")
        for piece in lock.evidence:
            if piece.kind == "chart":
                where = f"The description of the chart {piece.facts.get('of')}"
                metadata = fsutil.load_object(tree.store.read(piece.sha256) or b"", where)
                entries.setdefault(str(piece.facts.get("of")), {**metadata, "created": lock.created})
    for destination, item in charts.items():
        tree.link(item, f"charts/{destination}")
    if charts:
        tree.write_signed("charts/index.yaml", _index(charts, entries, stamp(tree.moment)))
    return {"charts": [told_item(charts[name]) for name in sorted(charts) if name in entries]}


def _index(charts: Dict[str, Item], entries: Dict[str, Dict[str, Any]], generated: str) -> bytes:
    """JSON, which is YAML too: made without a writer of YAML, and the same bytes each time."""
    rows: Dict[str, List[Dict[str, Any]]] = {}
    for name in sorted(set(charts) & set(entries)):
        item = charts[name]
        rows.setdefault(item.name, []).append({**entries[name], "urls": [name], "digest": item.sha256})
    document = {"apiVersion": "v1", "entries": rows, "generated": generated}
    return json.dumps(document, sort_keys=True, indent=1).encode() + b"\n"
