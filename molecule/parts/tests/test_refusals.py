# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""A part that cannot be is refused with a sentence, before anything is touched."""

from __future__ import annotations

import itertools
import json
import re
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
    status, output = played("fieldops.mattermost.mission_partner", "-e", json.dumps(given))
    assert status != 0
    assert len(re.findall(r"^alpha-\w+ +: ok=\d+ +changed=0 ", output, re.M)) == 2, output[-3000:]
    # Ansible shows the message as an error, which is what is read here, and within the result of the task.
    shown = output.partition("The deployment of alpha cannot start; nothing was changed:\n")[2]
    return [line[2:] for line in itertools.takewhile(lambda line: line.startswith("- "), shown.splitlines())]


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
    status, output = played(
        "fieldops.mattermost.mission_partner", "-e", "mattermost_calls_container_socket=/run/no.sock"
    )
    assert status != 0
    output = " ".join(output.split())
    assert "/run/no.sock on alpha-media is no socket" in output
    assert "alpha-media failed above, and the rest of the deployment needs it" in output
    assert "lets out to nobody" not in output
