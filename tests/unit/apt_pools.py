# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Suites written as a few lines: name;version;field: value;field: value."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.apt_index import Index, Package
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.apt_pins import Layer
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.apt_resolver import Resolver


def index(tmp_path: Path, text: str, name: str = "a" * 64) -> Index:
    (tmp_path / "plain").write_text(text)
    return Index.build(str(tmp_path / "cache"), name, str(tmp_path / "plain"), "", limit=len(text.encode()))


def stanzas(text: str) -> List[str]:
    found = []
    for line in text.strip().splitlines():
        name, version, *fields = [part.strip() for part in line.split(";")]
        own = [] if any(field.startswith("Architecture:") for field in fields) else ["Architecture: amd64"]
        found.append("\n".join([f"Package: {name}", f"Version: {version}", *own, *fields]))
    return found


def layers(
    tmp_path: Path, *texts: str, priorities: Sequence[int] = (), facts: Sequence[Mapping[str, str]] = ()
) -> List[Layer]:
    made = []
    for number, text in enumerate(texts):
        built = index(tmp_path, "\n\n".join(stanzas(text)) + "\n", f"{number:064d}")
        priority = priorities[number] if priorities else 500
        made.append(Layer(built, priority, facts[number] if facts else {}))
    return made


def packages(text: str) -> Dict[str, Package]:
    """What is installed somewhere."""
    found = [Package.read(stanza.splitlines()[0][9:], stanza, -1) for stanza in stanzas(text)]
    return {package.name: package for package in found}


def resolver(
    tmp_path: Path,
    *texts: str,
    priorities: Sequence[int] = (),
    facts: Sequence[Mapping[str, str]] = (),
    **more: Any,
) -> Resolver:
    return Resolver(layers(tmp_path, *texts, priorities=priorities, facts=facts), architecture="amd64", **more)


def names(tmp_path: Path, wanted: str, *texts: str, **more: Any) -> List[str]:
    return list(resolver(tmp_path, *texts, **more).resolve(wanted.split()))
