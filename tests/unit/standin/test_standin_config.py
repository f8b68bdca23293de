# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The configuration file and what overrides it, as section 5 of the observations has it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest
from launcher import Server

Make = Callable[..., Server]


def test_first_boot_completes_the_file_in_place_and_later_boots_leave_it(server: Make) -> None:
    target = server()
    before = target.config_file.stat()
    target.start()
    text = target.config_file.read_text(encoding="utf-8")
    after = target.config_file.stat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert text.startswith('{\n    "ServiceSettings": {\n        "SiteURL": "",')
    assert r"sslmode=disable\u0026connect_timeout=10" in text
    stored = json.loads(text)
    assert len(stored["SqlSettings"]["AtRestEncryptKey"]) == len(stored["FileSettings"]["PublicLinkSalt"]) == 32
    assert "FeatureFlags" not in stored
    target.restart()
    assert target.config_file.read_text(encoding="utf-8") == text


def test_a_small_file_is_filled_up_with_the_defaults_of_an_update(server: Make) -> None:
    target = server()
    target.config_file.write_text('{"TeamSettings": {"SiteName": "Mine"}, "NoSuch": {"A": 1}}', encoding="utf-8")
    target.start()
    stored = target.config()
    assert stored["TeamSettings"]["SiteName"] == "Mine"
    assert "NoSuch" not in stored
    # what a real 9.11 does with any file: it counts as one that existed before
    assert stored["EmailSettings"]["SendPushNotifications"] is False
    assert stored["ServiceSettings"]["SessionLengthWebInHours"] == 4320


def test_custom_defaults_lie_under_what_is_stored(server: Make, tmp_path: Path) -> None:
    defaults = tmp_path / "defaults.json"
    defaults.write_text('{"TeamSettings": {"SiteName": "Ours", "MaxUsersPerTeam": 7}}', encoding="utf-8")
    target = server(env={"MM_CUSTOM_DEFAULTS_PATH": str(defaults)})
    target.config_file.write_text('{"TeamSettings": {"SiteName": "Mine"}}', encoding="utf-8")
    target.start()
    stored = target.config()["TeamSettings"]
    assert (stored["SiteName"], stored["MaxUsersPerTeam"]) == ("Mine", 7)


def test_an_absent_file_is_made_readable_by_all(server: Make) -> None:
    target = server()
    target.config_file.unlink()
    target.start()
    assert oct(target.config_file.stat().st_mode & 0o777) == "0o644"


def test_the_environment_overrides_and_is_never_written(server: Make) -> None:
    target = server(
        env={
            "MM_TEAMSETTINGS_SITENAME": "From outside",
            "MM_TEAMSETTINGS_MAXUSERSPERTEAM": "many",
            "MM_SERVICESETTINGS_ENABLELINKPREVIEWS": "yes",
            "MM_SQLSETTINGS_DATASOURCEREPLICAS": "postgres://a postgres://b",
        }
    ).start()
    target.make_admin()
    shown = target.admin("GET", "/config")
    assert shown["TeamSettings"]["SiteName"] == "From outside"
    assert shown["TeamSettings"]["MaxUsersPerTeam"] == 50
    assert shown["ServiceSettings"]["EnableLinkPreviews"] is True
    assert len(shown["SqlSettings"]["DataSourceReplicas"]) == 2
    assert target.admin("GET", "/config/environment")["TeamSettings"] == {"MaxUsersPerTeam": True, "SiteName": True}
    answer = target.admin("PUT", "/config/patch", {"TeamSettings": {"SiteName": "Patched"}})
    assert answer["TeamSettings"]["SiteName"] == "From outside"
    stored = target.config()
    assert stored["TeamSettings"]["SiteName"] == "Mattermost"
    assert "mmuser:mostest" in stored["SqlSettings"]["DataSource"]


def test_the_file_is_not_watched_and_a_patch_overwrites_an_edit(server: Make) -> None:
    target = server().start()

    def edit(name: str) -> None:
        text = target.config_file.read_text(encoding="utf-8")
        before = json.loads(text)["TeamSettings"]["SiteName"]
        target.config_file.write_text(
            text.replace(f'"SiteName": "{before}"', f'"SiteName": "{name}"'), encoding="utf-8"
        )

    def shown() -> Any:
        return target.local("GET", "/config")["TeamSettings"]["SiteName"]

    edit("Edited")
    assert shown() == "Mattermost"
    target.local("POST", "/config/reload")
    assert shown() == "Edited"
    edit("Lost")
    target.local("PUT", "/config/patch", {"TeamSettings": {"EnableOpenServer": True}})
    assert (shown(), target.config()["TeamSettings"]["SiteName"]) == ("Edited", "Edited")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{bad", "parsing error at line 1, character 2"),
        (
            '{"TeamSettings": {"MaxUsersPerTeam": "many"}}',
            "cannot unmarshal string into field TeamSettings.MaxUsersPerTeam",
        ),
        ('{"TeamSettings": {"MaxUsersPerTeam": -5}}', "invalid config: Config.IsValid: Invalid maximum users per team"),
        ('{"ServiceSettings": {"ListenAddress": "nonsense"}}', "Invalid listen address"),
    ],
)
def test_a_bad_file_ends_the_start_with_its_reason(server: Make, text: str, message: str) -> None:
    target = server(dsn="postgres://unused@127.0.0.1:1/none")
    target.env.pop("MM_SERVICESETTINGS_LISTENADDRESS")
    target.config_file.write_text(text, encoding="utf-8")
    target.start(wait=False)
    assert target.exit_status(5) == 1
    assert "Error: failed to load configuration" in target.log()
    assert message in target.log()


def test_a_file_that_cannot_be_written_ends_the_start(server: Make) -> None:
    target = server(dsn="postgres://unused@127.0.0.1:1/none")
    target.config_file.chmod(0o444)
    command = [str(target.home / "bin/mattermost")]
    if os.geteuid() == 0:
        for folder in [target.home, *target.home.parents]:
            if str(folder).startswith(("/tmp/pytest", os.environ.get("TMPDIR", "/tmp/pytest"))):
                folder.chmod(0o755)
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    done = subprocess.run(command, cwd=target.home, env=target.env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "failed to persist: failed to write file" in done.stderr
    assert "permission denied" in done.stderr


def test_secrets_are_masked_except_on_the_socket_of_11(server: Make) -> None:
    old, new = server("9.11.0", name="old").start(), server("11.6.0", name="new").start()
    mask = "*" * 32
    for target in (old, new):
        target.make_admin()
        target.admin("PUT", "/config/patch", {"EmailSettings": {"SMTPPassword": "s3cret"}})
        assert target.admin("GET", "/config")["EmailSettings"]["SMTPPassword"] == mask
        target.admin("PUT", "/config/patch", {"EmailSettings": {"SMTPPassword": mask, "SMTPPort": "26"}})
        assert target.config()["EmailSettings"] == {
            **target.config()["EmailSettings"],
            "SMTPPassword": "s3cret",
            "SMTPPort": "26",
        }
    assert old.local("GET", "/config")["EmailSettings"]["SMTPPassword"] == mask
    assert new.local("GET", "/config")["EmailSettings"]["SMTPPassword"] == "s3cret"
    assert mask not in json.dumps(new.local("GET", "/config?remove_masked=true"))


def test_the_configuration_can_live_in_the_database(server: Make, postgres: Any) -> None:
    dsn = postgres.database()
    target = server(dsn=dsn, env={"MM_CONFIG": dsn})
    shipped = target.config_file.read_bytes()
    target.start()
    target.local("PUT", "/config/patch", {"TeamSettings": {"SiteName": "In rows"}})
    target.local("PUT", "/config/patch", {"TeamSettings": {"SiteName": "In rows"}})
    name = postgres.name(dsn)
    assert postgres.run(name, "SELECT count(*), count(active) FROM configurations") == "2|1"
    assert target.config_file.read_bytes() == shipped
    assert target.restart().local("GET", "/config")["TeamSettings"]["SiteName"] == "In rows"
    other = server(dsn=dsn, env={"MM_CONFIG": dsn}, name="b").start()
    assert other.local("GET", "/config")["TeamSettings"]["SiteName"] == "In rows"


def test_a_new_listen_address_needs_a_restart(server: Make) -> None:
    target = server().start()
    address = target.env.pop("MM_SERVICESETTINGS_LISTENADDRESS")
    text = json.loads(target.config_file.read_text(encoding="utf-8"))
    text["ServiceSettings"]["ListenAddress"] = address
    target.config_file.write_text(json.dumps(text), encoding="utf-8")
    target.restart()
    other = server(name="unused").port
    target.local("PUT", "/config/patch", {"ServiceSettings": {"ListenAddress": f"127.0.0.1:{other}"}})
    assert target.call("GET", "/system/ping")[0] == 200
    target.stop()
    target.port = other
    assert target.start().call("GET", "/system/ping")[0] == 200


def test_the_real_servers_crash_is_kept(server: Make) -> None:
    target = server("9.11.0").start().make_admin()
    with pytest.raises((ConnectionError, OSError, Exception)) as error:
        target.call("PUT", "/config/patch", {"MessageExportSettings": {"EnableExport": True}}, token=target.token)
    assert "closed connection" in str(error.value)
    assert target.call("GET", "/system/ping")[0] == 200


def test_relative_and_explicit_paths(server: Make, tmp_path: Path) -> None:
    target = server()
    (tmp_path / "other.json").write_text('{"TeamSettings": {"SiteName": "Other"}}', encoding="utf-8")
    target.start("--config", str(tmp_path / "other.json"))
    assert target.local("GET", "/config")["TeamSettings"]["SiteName"] == "Other"
