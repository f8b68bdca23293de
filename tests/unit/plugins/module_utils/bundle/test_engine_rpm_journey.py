# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rpm packages on their whole way: from a repository made with the real tools to a host that dnf installs from the depot."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import pytest
from ansible_collections.fieldops.mattermost.tests.unit import yum_upstream
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side
from ansible_collections.fieldops.mattermost.tests.unit.yum_upstream import Host, YumUpstream

pytestmark = pytest.mark.skipif(bool(yum_upstream.ABSENT), reason=yum_upstream.WHY_NOT)


def carried(side: Side) -> Dict[str, str]:
    return {item.name: item.version for item in side.lock().lock.items}


def bundle(side: Side, yum: YumUpstream, *packages: str, **more: object) -> Path:
    """All the way to a published repository."""
    side.bom = yum_upstream.bom(yum, side.web.url, *packages, **more)
    side.lock()
    side.pack()
    side.publish()
    return side.top / "depot/current/rpm/el-9"


def host(side: Side, repository: Path, name: str = "host", *, architecture: str = "x86_64") -> Host:
    keys = [str(repository / "RPM-GPG-KEYS"), str(side.top / "depot/current/depot-key.asc")]
    return Host(str(side.top / name), str(repository), keys=keys, release="9", architecture=architecture)


def test_dnf_installs_from_the_depot_what_the_bom_names(side: Side, yum: YumUpstream) -> None:
    yum.add("app", "1.0", "Requires: lib >= 1.5, /usr/share/tool/about, (extra if lib)", "Recommends: weak")
    yum.add("lib", "1.4", "Epoch: 3")
    yum.add("lib", "1.6", "Epoch: 2")
    for name in ("tool", "extra", "weak", "unrelated"):
        yum.add(name)
    yum.publish()
    repository = bundle(side, yum, "app")
    assert carried(side) == {"app": "1.0-1", "lib": "3:1.4-1", "tool": "1.0-1", "extra": "1.0-1"}
    installed = host(side, repository).install("app")
    assert installed == ["app-1.0-1.noarch", "extra-1.0-1.noarch", "lib-3:1.4-1.noarch", "tool-1.0-1.noarch"]
