# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""A part that cannot be is refused with a sentence, before anything is touched."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from conftest import GIVEN, WORK, played
from sites import COLLECTION

PARTS = [name for name in GIVEN if name.endswith("_enabled") and "calls_recordings" not in name]


@pytest.fixture(scope="module")
def professional() -> str:
    """A licence of a lower tier."""
    file = WORK / "professional.mattermost-license"
    make = [
        sys.executable,
        str(COLLECTION / "tests/standin/licence.py"),
        "--sku",
        "professional",
        "--output",
        str(file),
    ]
    subprocess.run(make, check=True, capture_output=True)
    return file.read_text()


def refused(**given: object) -> list[str]:
    """The list of what is wrong; nothing was changed."""
    done = played("fieldops.mattermost.mission_partner", "-e", json.dumps(given))
    assert done.returncode != 0
    assert done.stdout.count("changed=0") == 2, done.stdout[-3000:]
    listed = done.stdout.partition("nothing was changed:")[2].partition("PLAY RECAP")[0]
    return [line.strip()[2:] for line in listed.splitlines() if line.strip().startswith("- ")]


def test_notifications_that_hold_identifiers_alone_need_their_licence(professional):
    off = {name: False for name in PARTS if name != "mission_partner_push_enabled"}
    problems = refused(mission_partner_license=professional, **off)
    assert len(problems) == 1, problems
    assert problems[0].startswith("PushNotificationContents is id_loaded, which a licence of the tier 'professional'")
    assert "Choose generic_no_channel, or license it." in problems[0]


def test_each_part_that_the_licence_does_not_open_is_named(professional):
    problems = refused(mission_partner_license=professional)
    for part in ("attributes", "calls", "retention", "legal_hold", "compliance_export", "translation", "matrix"):
        assert (
            f"mission_partner_{part}_enabled needs another licence than professional, which mission_partner_license is."
            in problems
        )


def test_a_media_node_that_no_flow_leads_to_is_named():
    problems = refused(mission_partner_calls_rtcd_url="http://10.91.81.77:8045")
    assert problems == [
        "mission_partner_calls_rtcd_url is reached on port 8045 of 10.91.81.77, which the servers' firewall lets out to nobody: give the "
        "address in mission_partner_flows_extra."
    ]


def test_a_host_that_fails_alone_is_named_alone():
    done = played("fieldops.mattermost.mission_partner", "-e", "mattermost_calls_container_socket=/run/no.sock")
    assert done.returncode != 0
    assert "/run/no.sock on alpha-media is no socket" in done.stdout
    assert "alpha-media failed above, and the rest of the deployment needs it" in done.stdout
    assert "lets out to nobody" not in done.stdout
