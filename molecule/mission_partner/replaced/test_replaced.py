# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Delta has taken charlie's place, and shares what the table says; it has nothing of charlie's."""

from __future__ import annotations

import uuid

import pytest
from conftest import Partner, needs_licence, run, until

pytestmark = needs_licence


@pytest.fixture(scope="module")
def delta() -> Partner:
    return Partner("delta")


def test_posts_cross_both_ways(alpha, bravo, delta):
    text, answer = f"welcome {uuid.uuid4()}", f"thank you {uuid.uuid4()}"
    alpha.post("joint-ops", text)
    until(lambda: delta.sees("joint-ops", text), what="alpha's post at delta")
    delta.post("joint-ops", answer)
    until(lambda: bravo.sees("joint-ops", answer), what="delta's post at bravo")


def test_what_was_written_before_did_not_come_along(delta):
    assert not [post for post in delta.posts("joint-ops") if "without charlie" in post["message"]]


def test_delta_is_vouched_for_by_its_own_authority(alpha, delta):
    trusted = run("alpha-server", "sh", "-c", "ls /usr/local/share/ca-certificates").stdout.split()
    assert trusted == ["mattermost-partner-bravo.crt", "mattermost-partner-delta.crt"]
    assert {one["name"] for one in alpha.operator.ask("GET", "/remotecluster?per_page=200")} == {"bravo", "delta"}
