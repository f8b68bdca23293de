# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's tasks for clients on RHEL and its kin, run for real, and dnf with the source that they write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest
import yaml
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.dnf_judge import Dnf
from ansible_collections.fieldops.mattermost.tests.unit import yum_upstream
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side, WebServer
from ansible_collections.fieldops.mattermost.tests.unit.yum_upstream import YumUpstream

pytestmark = [
    pytest.mark.skipif(bool(yum_upstream.ABSENT), reason=yum_upstream.WHY_NOT),
    pytest.mark.skipif(os.geteuid() != 0, reason="the role gives files to root"),
]


class Client:
    """A host whose files lie below a directory, and the depot that it is to use."""

    def __init__(self, root: Path, url: str, key: str) -> None:
        self.root = root
        for name in ("keys", "fetched", "yum.repos.d"):
            (root / name).mkdir(parents=True)
        (root / "yum.repos.d/vendor.repo").write_text("[vendor]\nname=vendor\nbaseurl=https://rpm.example.com\n")
        self.vars: Dict[str, Any] = {
            "ansible_python_interpreter": sys.executable,
            "mattermost_depot_url": url,
            "mattermost_depot_public_key": key,
            "mattermost_depot_repository": "el-9",
            "__mattermost_depot_fetched": f"{root}/fetched",
            "__mattermost_depot_key_file": f"{root}/keys/depot.asc",
            "__mattermost_depot_vendor_key_file": f"{root}/keys/vendors.asc",
            "__mattermost_depot_dnf_ca": f"{root}/keys/ca.pem",
            "__mattermost_depot_source": f"{root}/yum.repos.d/mattermost-depot.repo",
            "__mattermost_depot_source_places": [
                {"path": f"{root}/yum.repos.d", "patterns": ["*.repo"], "contains": ""}
            ],
        }
        self.play = root / "play.yml"
        role = {"name": "fieldops.mattermost.mattermost_depot", "tasks_from": "client_redhat"}
        tasks = [{"name": "Use the depot", "ansible.builtin.include_role": role}]
        self.play.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))

    def run(self, *options: str) -> Dict[str, Any]:
        argv = [
            "ansible-playbook",
            "-i",
            "localhost,",
            "-c",
            "local",
            "-e",
            json.dumps(self.vars),
            *options,
            str(self.play),
        ]
        environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_LOCALHOST_WARNING": "0"}
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
        told: Dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
        return told

    def stats(self, *options: str) -> Dict[str, int]:
        stats: Dict[str, int] = self.run(*options)["stats"]["localhost"]
        return stats


@pytest.fixture
def client(side: Side, yum: YumUpstream) -> Iterator[Client]:
    yum.add("app")
    yum.publish()
    side.bom = yum_upstream.bom(yum, side.web.url, "app")
    side.lock()
    side.pack()
    side.publish()
    depot = WebServer(side.top / "depot/current")
    yield Client(side.top / "client", depot.url, side.keys["depot"].public_key().decode())
    depot.stop()


def dnf(client: Client) -> Dnf:
    """The repositories of the client, as its own dnf would read them."""
    host = Dnf(str(client.root / "dnf"), "/none", keys=[], release="9", architecture="x86_64")
    (client.root / "dnf/repos/depot.repo").write_bytes((client.root / "yum.repos.d/mattermost-depot.repo").read_bytes())
    return host


def test_a_client_gets_a_source_that_dnf_installs_from(client: Client) -> None:
    assert client.stats("--check")["failures"] == 0
    assert not (client.root / "keys/vendors.asc").exists()
    first = client.stats()
    assert (first["failures"], first["unreachable"]) == (0, 0)
    assert first["changed"] > 0
    assert client.stats("--check")["changed"] == 0
    assert client.stats()["changed"] == 0
    assert sorted(path.name for path in (client.root / "yum.repos.d").iterdir()) == [
        "mattermost-depot.repo",
        "vendor.repo.parked-by-mattermost-depot",
    ]
    status, said = dnf(client).run("install", "app")
    assert status == 0, said


def test_keys_that_the_depot_has_not_signed_are_not_installed(client: Client, side: Side) -> None:
    keys = side.top / "depot/current/rpm/el-9/RPM-GPG-KEYS"
    keys.write_bytes(keys.read_bytes() + side.keys["stranger"].public_key())
    told = client.run()
    assert told["stats"]["localhost"]["failures"] == 1
    assert told["plays"][0]["tasks"][-1]["task"]["name"].endswith("Verify the vendors' keys")
    assert not (client.root / "keys/vendors.asc").exists()
    assert (client.root / "yum.repos.d/vendor.repo").exists()
