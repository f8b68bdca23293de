# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The delta had nothing but what is new, and the site has all of it."""

from __future__ import annotations

import json

from conftest import WORK

MEDIUM = WORK / "medium/mattermost-air-gapped"


def test_the_delta_is_small_and_names_what_it_builds_on():
    root = json.loads((MEDIUM / "volume-001/root.json").read_text())
    listed = json.loads((WORK / "keys/depot-list.json").read_text())
    assert root["base"] == listed["bundles"]["mattermost-air-gapped"]["root"]
    lock = json.loads((MEDIUM / "volume-001/lock.json").read_text())
    carried = {sha256 for sha256, _size in json.loads((MEDIUM / "volume-001/index.json").read_text())["objects"]}
    assert {item["name"] for item in lock["items"] if item["sha256"] in carried} == {"field-notes"}


def test_the_new_version_is_there(hosts):
    depot = hosts["depot"]
    assert depot.file("/srv/rpm-root/usr/share/field-notes/version").content_string.strip() == "2.0"
    manifest = json.loads(depot.file("/srv/mattermost-depot/current/manifest.json").content_string)
    assert manifest["generation"] == 2


def test_dnf_proved_the_delta_before_it_was_published(hosts):
    """By now the depot has a dnf of its own."""
    manifest = json.loads(hosts["depot"].file("/srv/mattermost-depot/current/manifest.json").content_string)
    assert {row["repository"]: row["proven"] for row in manifest["proofs"]}["rpm/rocky-9"]


def test_reviewers_see_what_entered():
    assert "field-notes" in (MEDIUM / "changes.txt").read_text()
