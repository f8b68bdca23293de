# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What came besides apt packages is what it was upstream, byte for byte, and of use without a network."""

from __future__ import annotations

import json
import subprocess

from conftest import WORK, strays

MEDIUM = WORK / "medium/mattermost-air-gapped"


def builder(*argv: str) -> str:
    done = subprocess.run(["podman", "exec", "air-gapped-builder", *argv], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_bundle_came_on_two_volumes():
    volumes = sorted(path.name for path in MEDIUM.glob("volume-*"))
    assert volumes == ["volume-001", "volume-002"]
    for volume in volumes:
        size = subprocess.run(["du", "-sB1", str(MEDIUM / volume)], capture_output=True, text=True, check=True)
        assert int(size.stdout.split()[0]) <= 280_000_000


def test_one_of_everything_was_carried():
    lock = json.loads((MEDIUM / "volume-001/lock.json").read_text())
    kinds = {item["kind"] for item in lock["items"]}
    assert kinds >= {"apt", "rpm", "image", "blob", "plugin", "mattermost_release", "wheel", "collection", "file"}


def test_the_image_has_the_digest_that_it_had_upstream(hosts):
    told = hosts["depot"].check_output("skopeo inspect --tls-verify=false docker://127.0.0.1:5000/tools/portal:1.0")
    assert json.loads(told)["Digest"] == builder("cat", "/srv/everything/image.digest")


def test_the_wheel_is_installed(hosts):
    assert (
        hosts["depot"].check_output("/opt/tools/bin/python -c 'import jmespath; print(jmespath.__version__)'")
        == "1.0.1"
    )


def test_the_page_for_people_is_what_it_was(hosts):
    assert (
        hosts["depot"].file("/srv/field-guide.md").content_string
        == builder("cat", "/srv/releases/everything/field-guide.md") + "\n"
    )


def test_the_rpm_package_is_installed_and_signed_by_its_vendor(hosts):
    depot = hosts["depot"]
    assert depot.file("/srv/rpm-root/usr/share/field-notes/version").content_string.strip() == "1.0"
    # Debian's rpm keeps its database in the home of whoever runs it.
    query = "--root /srv/rpm-root --dbpath /root/.rpmdb --query --queryformat '%{RSAHEADER:pgpsig}' field-notes"
    signed = depot.check_output(f"rpm {query}")
    assert "Key ID" in signed


def test_the_collection_can_be_installed_by_its_own_tool(tmp_path, hosts):
    """From the published directory, as a control node of the isolated side has it."""
    served = tmp_path / "collections"
    packed = subprocess.run(
        ["podman", "exec", "air-gapped-depot", "tar", "-C", "/srv/mattermost-depot/current", "-ch", "collections"],
        capture_output=True,
        check=True,
    )
    subprocess.run(["tar", "-x", "-C", str(tmp_path)], input=packed.stdout, check=True)
    subprocess.run(
        [
            "ansible-galaxy",
            "collection",
            "install",
            "--no-deps",
            "-r",
            "requirements.yml",
            "-p",
            str(tmp_path / "there"),
        ],
        cwd=served,
        check=True,
        capture_output=True,
    )
    assert (tmp_path / "there/ansible_collections/example/field_tools/MANIFEST.json").is_file()


def test_the_depot_proved_its_repositories(hosts):
    manifest = json.loads(hosts["depot"].file("/srv/mattermost-depot/current/manifest.json").content_string)
    proven = {row["repository"] for row in manifest["proofs"] if row["proven"]}
    assert proven >= {"apt/debian-12", "apt/debian-13"}


def test_nothing_tried_to_call_out():
    assert strays() == {}
