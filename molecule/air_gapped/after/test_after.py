# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""After the site was switched off and on: everything comes back by itself, with its data, and still calls nobody."""

from __future__ import annotations

import time

import pytest
from conftest import ADDRESSES, MARIA, SITE, Person, canary_is_counted, https, strays


@pytest.fixture(scope="module", autouse=True)
def _until_it_answers():
    """The servers wait for their database; give them the two minutes that a cold site may need."""
    for _attempt in range(60):
        try:
            connection = https()
            connection.request("GET", "/api/v4/system/ping?get_server_status=true")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(2)
    pytest.fail(f"https://{SITE} did not come back within two minutes")


def test_the_services_are_back(hosts):
    wanted = {
        "depot": "nginx",
        "database": "postgresql",
        "server1": "mattermost",
        "server2": "mattermost",
        "proxy": "nginx",
    }
    # A server that came up before its database ends, and systemd starts it again ten seconds later.
    for _attempt in range(60):
        down = {name: service for name, service in wanted.items() if not hosts[name].service(service).is_running}
        if not down:
            return
        time.sleep(2)
    pytest.fail(f"not running two minutes after the restart: {down}")


def test_the_firewalls_are_back(hosts):
    for name in ADDRESSES:
        assert "policy drop" in hosts[name].check_output("nft list table inet mattermost")


def test_people_find_what_they_wrote(room):
    maria = Person(*MARIA)
    posts = maria.ask("GET", f"/channels/{room['channel']['id']}/posts")["posts"].values()
    assert {"watch set", "the chart"} <= {post["message"] for post in posts}
    maria.ask("POST", "/posts", {"channel_id": room["channel"]["id"], "message": "back again"})


def test_the_stand_by_serves_when_the_first_server_is_gone(hosts, room):
    hosts["server1"].check_output("systemctl stop mattermost")
    try:
        posts = Person(*MARIA).ask("GET", f"/channels/{room['channel']['id']}/posts")["posts"].values()
        assert "the chart" in {post["message"] for post in posts}
        file_id = next(post["file_ids"][0] for post in posts if post["message"] == "the chart")
        assert len(Person(*MARIA).ask("GET", f"/files/{file_id}")) == 60 * 1024 * 1024
    finally:
        hosts["server1"].check_output("systemctl start mattermost")


def test_still_nobody_called_out():
    assert strays() == {}
    assert canary_is_counted()
