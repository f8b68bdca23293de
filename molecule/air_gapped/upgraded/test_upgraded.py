# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""After an upgrade, and after one that was taken back: the new version runs with the old data."""

from __future__ import annotations

from conftest import MARIA, Person, releases, strays


def test_the_upgraded_version_runs(hosts):
    for name in ("server1", "server2"):
        assert (
            hosts[name].check_output("readlink /opt/mattermost/current") == f"versions/{releases()['next']['version']}"
        )
        assert hosts[name].service("mattermost").is_running


def test_the_version_before_is_kept(hosts):
    kept = hosts["server1"].check_output("ls /opt/mattermost/versions").split()
    assert releases()["first"]["version"] in kept


def test_the_dumps_are_the_database_administrator_s_alone(hosts):
    listed = hosts["database"].check_output("stat -c '%a %U' /var/backups/mattermost/database")
    assert listed == "700 postgres"
    assert hosts["database"].check_output("ls /var/backups/mattermost/database/*.dump").count(".dump") == 2


def test_what_the_broken_version_touched_is_kept_aside(hosts):
    listed = (
        hosts["database"].check_output("runuser -u postgres -- psql -Atc 'select datname from pg_database'").split()
    )
    assert len([name for name in listed if name.startswith("mattermost_2")]) == 1


def test_people_find_what_they_wrote(room):
    posts = Person(*MARIA).ask("GET", f"/channels/{room['channel']['id']}/posts")["posts"].values()
    assert {"watch set", "the chart"} <= {post["message"] for post in posts}


def test_still_nobody_called_out():
    assert strays() == {}
