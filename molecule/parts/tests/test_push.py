# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""A message is told to a phone by the site's own push proxy, and nothing of it: neither its text, nor who wrote it, nor where."""

from __future__ import annotations

import json
import uuid

from conftest import person, said, until


def sent_on(device: str) -> list[dict]:
    """What the push proxy would hand to Apple or Google, as its log shows."""
    log = said("alpha-media", "journalctl", "-u", "mattermost-push-proxy", "--no-pager", "-o", "cat")
    shown = [json.loads(line.partition(": ")[2]) for line in log.splitlines() if line.startswith("would send on: ")]
    return [message for message in shown if message["device_id"] == device]


def test_what_leaves_for_the_push_services_holds_identifiers_alone(operator, team):
    text, device = f"the convoy leaves at {uuid.uuid4()}", uuid.uuid4().hex
    writer, reader = person(operator, "wilhelmina", "joint-ops"), person(operator, "bob", "joint-ops")
    reader.ask("PUT", "/users/sessions/device", {"device_id": f"apple_rn-v2:{device}"})
    channel = operator.ask("GET", f"/teams/{team}/channels/name/joint-ops")
    post = writer.ask("POST", "/posts", {"channel_id": channel["id"], "message": f"@bob {text}"})
    message = until(lambda: sent_on(device), what="the notification at the push proxy")[0]
    assert (message["is_id_loaded"], message["post_id"], message["platform"]) == (True, post["id"], "apple_rn-v2")
    assert message["message"] == "You've received a new message."
    whole = json.dumps(message)
    for told in (text, "wilhelmina", writer.id, "joint-ops", channel["display_name"]):
        assert told not in whole


def test_the_proxy_sends_to_each_app_that_was_given():
    log = said("alpha-media", "journalctl", "-u", "mattermost-push-proxy", "--no-pager", "-o", "cat")
    assert "Failed to initialize client" not in log
