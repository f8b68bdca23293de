# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SBOM as others read it, and the contents as a reviewer does."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Dict, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import contents, sbom
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.contents import Delta, render_changes
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fsutil import sha256_bytes
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.lock import (
    Evidence,
    Item,
    Lock,
    Repository,
    Withheld,
)
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sbom import purl
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side
from ansible_collections.fieldops.mattermost.tests.unit.volumes_side import Volumes
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

SUITE = "e" * 64
KEY = "A" * 40


def digest(letter: str) -> str:
    return letter * 64


ITEMS = (
    Item(
        kind="apt",
        name="nginx",
        size=595_100,
        sha256=digest("1"),
        url="https://mirror.example.org/debian/pool/main/n/nginx/nginx_1.22.1-9+deb12u2_amd64.deb",
        proof=f"listed by bookworm-security, release {SUITE}",
        version="1.22.1-9+deb12u2",
        group="debian-12",
        architecture="amd64",
    ),
    Item(
        kind="apt",
        name="libc6",
        size=2_700_000,
        sha256=digest("2"),
        url="https://archive.ubuntu.com/ubuntu/pool/main/g/glibc/libc6_2.39-0ubuntu8_amd64.deb",
        proof=f"listed by noble, release {SUITE}",
        version="1:2.39-0ubuntu8~a",
        group="debian-12",
        architecture="amd64",
        why="nginx",
    ),
    Item("rpm", "bash", 5, digest("3"), "https://example.com/bash.rpm", "repomd", "0:5.1.8-9.el9", "el9", "x86_64"),
    Item(
        "image",
        "registry.example.com/mm/Push:5000/x",
        7,
        digest("4"),
        "https://registry.example.com/v2/x",
        "digest",
        "v1",
    ),
    Item("image", "registry.example.com:5000/mm/push-proxy:6.1", 7, digest("5"), "", "digest", "6.1"),
    Item(
        "blob", f"sha256:{digest('6')}", 7, digest("6"), "", "digest", why="registry.example.com:5000/mm/push-proxy:6.1"
    ),
    Item(
        "chart",
        "mattermost-operator",
        9,
        digest("7"),
        "https://example.com/o.tgz",
        "sha256",
        "1.0.3",
        destination="o.tgz",
    ),
    Item(
        "wheel",
        "Ansible_Core.x",
        9,
        digest("8"),
        "https://example.com/a.whl",
        "sha256",
        "2.19.0",
        destination="s/a.whl",
    ),
    Item("file", "notes", 9, digest("9"), "https://example.com/n o t e s", "unverified: ours", destination="notes"),
    Item("mattermost_release", "mattermost", 9, digest("a"), "https://example.com/m", f"signature by {KEY}", "11.7.9"),
)
LOCK = Lock(
    name="site",
    description="what the site needs\n",
    version=7,
    created="2026-11-23T12:42:33Z",
    expires_days=90,
    request=digest("b"),
    repositories=(
        Repository("debian-12", "bookworm", "amd64", ("nginx",), digest("c")),
        Repository("el9", "9", "x86_64", ("bash",), digest("c"), "rpm"),
    ),
    evidence=(
        Evidence(
            "release",
            150_000,
            SUITE,
            "https://mirror.example.org/debian-security/dists/bookworm-security/InRelease",
            "debian-12",
            {"suite": "bookworm-security", "date": "2026-11-20T08:00:00Z", "signed_by": [KEY]},
        ),
        Evidence("stanzas", 9, digest("c"), "", "debian-12"),
    ),
    items=ITEMS,
)


def render_sbom(lock: Lock) -> bytes:
    return sbom.render_sbom(lock, sha256_bytes(lock.dump()))


def render_contents(lock: Lock, delta: Delta) -> bytes:
    return contents.render_contents(lock, sha256_bytes(lock.dump()), delta)


def validate(data: bytes) -> None:
    """By the official schema, strictly: no key that is not in it."""
    error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(data.decode())
    assert error is None, error


def components(data: bytes) -> Dict[str, Dict[str, Any]]:
    return {row["name"]: row for row in json.loads(data)["components"]}


def test_the_official_schema_takes_it() -> None:
    data = render_sbom(LOCK)
    validate(data)
    with pytest.raises(AssertionError):
        validate(data.replace(b'"alg": "SHA-256"', b'"alg": "SHA-255"', 1))
    validate(render_sbom(replace(LOCK, items=(), description="")))
    validate(render_sbom(replace(LOCK, items=ITEMS + ITEMS)))


def test_every_item_is_a_component_with_its_hash() -> None:
    rows = components(render_sbom(LOCK))
    assert len(rows) == len(ITEMS) - 1  # a layer is a part of its image
    nginx = rows["nginx"]
    assert nginx["hashes"] == [{"alg": "SHA-256", "content": digest("1")}]
    assert {"name": "fieldops:security", "value": "true"} in nginx["properties"]
    assert {"name": "fieldops:needed-by", "value": "nginx"} in rows["libc6"]["properties"]
    assert (
        "version" not in rows["notes"]
        and "externalReferences" not in rows["registry.example.com:5000/mm/push-proxy:6.1"]
    )
    assert rows["notes"]["externalReferences"][0]["url"] == "https://example.com/n%20o%20t%20e%20s"
    assert {row["type"] for row in rows.values()} == {"library", "container", "file", "application"}


def test_it_is_made_from_the_lock_alone() -> None:
    first, second = json.loads(render_sbom(LOCK)), json.loads(render_sbom(replace(LOCK, version=8)))
    assert first == json.loads(render_sbom(LOCK))
    assert first["serialNumber"] != second["serialNumber"]
    assert first["metadata"]["timestamp"] == LOCK.created


def test_package_urls() -> None:
    groups = {(repository.kind, repository.name): repository for repository in LOCK.repositories}
    found = [purl(item, groups) for item in ITEMS if item.kind != "blob"]
    assert found == [
        "pkg:deb/debian/nginx@1.22.1-9%2Bdeb12u2?arch=amd64&distro=bookworm",
        "pkg:deb/ubuntu/libc6@1:2.39-0ubuntu8~a?arch=amd64&distro=bookworm",
        "pkg:rpm/bash@5.1.8-9.el9?arch=x86_64&distro=9&epoch=0",
        f"pkg:oci/x@sha256:{digest('4')}?repository_url=registry.example.com/mm/Push:5000/x&tag=v1",
        f"pkg:oci/push-proxy@sha256:{digest('5')}?repository_url=registry.example.com:5000/mm/push-proxy&tag=6.1",
        "pkg:helm/mattermost-operator@1.0.3",
        "pkg:pypi/ansible-core-x@2.19.0",
        f"pkg:generic/notes?checksum=sha256:{digest('9')}&download_url=https://example.com/n%20o%20t%20e%20s",
        f"pkg:generic/mattermost@11.7.9?checksum=sha256:{digest('a')}&download_url=https://example.com/m",
    ]
    for text in found:
        assert PackageURL.from_string(text).to_string() == text


def test_each_volume_has_one_that_is_valid(side: Side) -> None:
    made = Volumes(side)
    made.make()
    found = made.inspect()
    validate(found.documents["sbom.cdx.json"])
    assert found.documents["sbom.cdx.json"] == render_sbom(found.lock)
    told = json.loads(found.documents["root.json"])
    assert all(told[name] for name in ("sbom", "contents", "lock"))


def text_of(lock: Lock, delta: Delta) -> List[str]:
    return render_contents(lock, delta).decode().splitlines()


def test_contents_of_a_complete_bundle() -> None:
    lines = text_of(LOCK, Delta())
    assert lines[0] == "Contents of the bundle site, version 7"
    assert "builds on  nothing: it is complete" in lines
    assert "for        what the site needs" in lines
    assert "Debian packages of debian-12 (bookworm, amd64): 2, 3.3 MB, 1 of them security updates" in lines
    at = lines.index("+S nginx 1.22.1-9+deb12u2 amd64, 595.1 kB")
    assert lines[at + 1 : at + 3] == [
        f"     sha256 {digest('1')}",
        f"     named in the bill of materials; listed by bookworm-security, release {SUITE}",
    ]
    assert f"     needed by nginx; listed by noble, release {SUITE}" in lines
    assert "Parts of container images: 1, 7 B" in lines and digest("6") not in "".join(lines)
    at = lines.index("Who vouches")
    assert f"     signed by {KEY}" in lines[at:]
    assert lines[-1].startswith("Reviewed by ____")


def test_contents_of_a_delta() -> None:
    lines = text_of(LOCK, Delta("f" * 64, 6, frozenset({digest("2"), digest("9")})))
    assert f"builds on  version 6, root {'f' * 64}" in lines
    assert "known      2 items are there already" in lines
    assert any(line.startswith("   libc6 ") for line in lines) and any(line.startswith("+  bash ") for line in lines)


def test_contents_name_what_was_kept_back_and_who_nobody_vouches_for() -> None:
    withheld = (
        Withheld("apt", "telnetd", "must not be carried", "1", "debian-12"),
        Withheld("apt", "telnet-farm", "must not be carried", "2", "debian-12", "telnetd"),
    )
    lines = text_of(replace(LOCK, withheld=withheld, evidence=()), Delta())
    assert "Kept back: 2" in lines
    assert "   telnetd 1: must not be carried" in lines
    assert "   telnet-farm 2, which needs telnetd: must not be carried" in lines
    assert "   nobody but the bill of materials" in lines


def test_nothing_from_outside_moves_the_cursor() -> None:
    evil = replace(ITEMS[8], name="notes\x1b[2J\r+S", why="\u202egnp.exe")
    text = render_contents(replace(LOCK, items=(evil,)), Delta()).decode()
    assert not set(text) & set("\x1b\r\u202e")
    assert "notes?[2J?+S" in text
    changes = render_changes(None, replace(LOCK, items=(evil,)))
    assert not set(changes) & set("\x1b\r\u202e")


def test_changes_between_two_locks() -> None:
    newer = replace(ITEMS[0], version="1.22.1-9+deb12u3", sha256=digest("f"))
    text = render_changes(LOCK, replace(LOCK, version=8, items=(newer, *ITEMS[2:])))
    assert text.startswith("site: from version 7 to version 8\n====")
    assert "0 added, 1 changed, 1 removed; 1 security updates" in text
    assert render_changes(None, LOCK).startswith("site: from nothing to version 7\n")
