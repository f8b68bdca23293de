# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils._checks_base import (
    ERROR,
    FAIL,
    NOT_APPLICABLE,
    PASS,
    Ran,
)
from ansible_collections.fieldops.mattermost.tests.unit.plugins.module_utils.fake_host import FakeHost, verdict

DEPOT = "https://10.91.61.11"
SIGNED = f"deb [signed-by=/usr/share/keyrings/depot.gpg arch=amd64] {DEPOT}/apt/bookworm bookworm main\n"
STANZA = f"""# The depot
Types: deb
URIs: {DEPOT}/apt/bookworm
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
"""


@pytest.fixture
def host(tmp_path: Any) -> FakeHost:
    host = FakeHost(root=str(tmp_path))
    host.put("/etc/apt/apt.conf", "")
    host.programs["apt-config dump"] = 'APT::Architecture "amd64";\nAcquire::AllowInsecureRepositories "false";\n'
    return host


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, (FAIL, "no source is enabled")),
        ({"sources.list": SIGNED}, (PASS, f"{DEPOT}/apt/bookworm")),
        ({"sources.list.d/depot.sources": STANZA}, (PASS, f"{DEPOT}/apt/bookworm")),
        ({"sources.list": "# " + SIGNED, "sources.list.d/x.list": ""}, (FAIL, "no source is enabled")),
        (
            {"sources.list.d/a.list": SIGNED + "deb http://mirror.example.org/debian bookworm main\n"},
            (FAIL, "http://mirror.example.org/debian in /etc/apt/sources.list.d/a.list"),
        ),
        (
            {"sources.list": f"deb {DEPOT}0/apt bookworm main\n"},
            (FAIL, f"{DEPOT}0/apt in /etc/apt/sources.list"),
        ),
        (
            {
                "sources.list.d/d.sources": "Types: deb\nURIs: http://one http://user:pw@two\nSuites: x\n\nEnabled: no\nURIs: http://three\n"
            },
            (
                FAIL,
                "http://one in /etc/apt/sources.list.d/d.sources, http://user:********@two in /etc/apt/sources.list.d/d.sources",
            ),
        ),
        (
            {"sources.list.d/d.save": "deb http://mirror.example.org/debian bookworm main\n"},
            (FAIL, "no source is enabled"),
        ),
        ({"sources.list.d/e.sources": " stray\n"}, (FAIL, "no source is enabled")),
    ],
)
def test_apt_sources(host: FakeHost, files: Any, expected: Any) -> None:
    for name, text in files.items():
        host.put(f"/etc/apt/{name}", text)
    found = verdict(host, "apt_sources", allowed=[DEPOT + "/"])
    assert (found.verdict, found.found) == expected


@pytest.mark.parametrize("kind", ["apt_sources", "apt_signatures", "package_origin"])
def test_a_host_without_apt(tmp_path: Any, kind: str) -> None:
    params = {
        "apt_sources": {"allowed": []},
        "apt_signatures": {},
        "package_origin": {"allowed": [], "packages": ["x"]},
    }[kind]
    assert verdict(FakeHost(root=str(tmp_path)), kind, **params).verdict == NOT_APPLICABLE


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("sources.list", SIGNED, "as expected"),
        ("sources.list.d/d.sources", STANZA, "as expected"),
        (
            "sources.list.d/d.sources",
            STANZA + "Trusted: yes\n",
            f"/etc/apt/sources.list.d/d.sources: trusted=yes for {DEPOT}/apt/bookworm",
        ),
        ("sources.list", f"deb {DEPOT} x main\n", f"/etc/apt/sources.list: no signed-by for {DEPOT}"),
        (
            "sources.list",
            f"deb [trusted=yes] {DEPOT} x main\n",
            f"/etc/apt/sources.list: trusted=yes for {DEPOT}, /etc/apt/sources.list: no signed-by for {DEPOT}",
        ),
    ],
)
def test_apt_signatures(host: FakeHost, name: str, text: str, found: str) -> None:
    host.put(f"/etc/apt/{name}", text)
    result = verdict(host, "apt_signatures")
    assert (result.verdict, result.found) == (PASS if found == "as expected" else FAIL, found)


def test_apt_that_is_told_not_to_verify(host: FakeHost) -> None:
    host.programs["apt-config dump"] = (
        'APT::Get::AllowUnauthenticated "true";\nAcquire::https::Verify-Peer "false";\nstrange\n'
    )
    found = verdict(host, "apt_signatures")
    assert found.found == "APT::Get::AllowUnauthenticated is true, Acquire::https::Verify-Peer is false"


POLICY = f"""nginx:
  Installed: 1.22.1-9
  Candidate: 1.22.1-10
  Version table:
     1.22.1-10 500
        500 http://mirror.example.org/debian bookworm/main amd64 Packages
 *** 1.22.1-9 500
        500 {DEPOT}/apt/bookworm bookworm/main amd64 Packages
        100 /var/lib/dpkg/status
"""


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (POLICY, (PASS, "nginx 1.22.1-9")),
        (POLICY.replace(DEPOT, "http://other"), (FAIL, "nginx 1.22.1-9 is not in the depot")),
        (POLICY.replace("        100 /var", "        strange /var"), (PASS, "nginx 1.22.1-9")),
        ("", (FAIL, "nginx is not in the depot")),
        (Ran(100, "", "E: broken"), (ERROR, "apt-cache failed (100): E: broken")),
    ],
)
def test_package_origin(host: FakeHost, said: Any, expected: Any) -> None:
    host.programs.update({"dpkg-query --show": "ii  nginx\nrc  nginx-core\n", "apt-cache policy nginx": said})
    found = verdict(host, "package_origin", packages=["nginx*"], allowed=[DEPOT])
    assert (found.verdict, found.found) == expected


def test_a_package_that_is_not_installed(host: FakeHost) -> None:
    host.programs["dpkg-query --show"] = Ran(1, "", "no packages found matching nginx")
    found = verdict(host, "package_origin", packages=["nginx"], allowed=[DEPOT])
    assert (found.verdict, found.found) == (FAIL, "nginx is not installed")


def manifest(created: str = "2027-01-01T00:00:00Z", expires: str = "2027-03-01T00:00:00Z") -> str:
    return json.dumps({"format": 1, "bundles": {"site": {"created": created, "expires": expires}}})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (manifest(), (PASS, "site: 14 days old, good until 2027-03-01")),
        (manifest(created="2026-01-01T00:00:00Z"), (FAIL, "site is 379 days old")),
        (manifest(expires="2027-01-02T00:00:00Z"), (FAIL, "site expired 2027-01-02")),
        (manifest(created="yesterday"), (ERROR, "'yesterday' is no point in time.")),
        ('{"bundles": {}}', (FAIL, "the depot holds no bundle")),
        ('{"bundles": []}', (ERROR, "/m.json is not the manifest of a depot.")),
        ("[]", (ERROR, "/m.json is not the manifest of a depot.")),
        ("no json", (ERROR, "/m.json is not the manifest of a depot.")),
    ],
)
def test_bundle(host: FakeHost, text: str, expected: Any) -> None:
    host.put("/m.json", text)
    found = verdict(host, "bundle", path="/m.json")
    assert (found.verdict, found.found) == expected
