# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Start, stop, health and data: what a service manager, a database and an upgrade see of the stand-in."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path
from typing import Any, Callable

import pytest
from launcher import ADMIN, Server

Make = Callable[..., Server]


@pytest.mark.parametrize("abstract", [False, True])
def test_it_tells_the_service_manager_when_it_is_ready(server: Make, tmp_path: Path, abstract: bool) -> None:
    name = f"@standin-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if abstract else name)
        manager.settimeout(20)
        target = server(env={"NOTIFY_SOCKET": name}).start(wait=False)
        assert manager.recv(64) == b"READY=1"
        assert target.call("GET", "/system/ping")[0] == 200


def test_signals(server: Make) -> None:
    target = server().start()
    assert target.stop(signal.SIGTERM) == 0
    assert "Server stopped" in target.log()
    before = signal.signal(
        signal.SIGHUP, signal.SIG_DFL
    )  # under nohup it is ignored, and what is started inherits that
    try:
        assert target.start().stop(signal.SIGHUP) == -signal.SIGHUP
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_local_socket_is_for_its_owner_and_replaces_a_stale_one(server: Make) -> None:
    target = server().start()
    assert target.process is not None
    target.process.kill()
    target.process.wait()
    assert Path(target.socket).exists()
    target.start()
    mode = os.stat(target.socket).st_mode
    assert stat.S_ISSOCK(mode) and oct(mode & 0o777) == "0o600"
    target.stop()
    target.env["MM_SERVICESETTINGS_ENABLELOCALMODE"] = "false"
    os.unlink(target.socket)
    target.start()
    assert not Path(target.socket).exists()


def test_mmctl(server: Make) -> None:
    target = server().start().make_admin()
    assert "Server status: OK" in target.mmctl("system", "status").stdout
    assert "Server version 9.11.0.9.11.0-standin." in target.mmctl("system", "version").stdout
    assert target.mmctl("config", "get", "TeamSettings.MaxUsersPerTeam").stdout == "50\n"
    assert target.mmctl("config", "set", "TeamSettings.SiteName", "Zed").stdout == "Value changed successfully\n"
    assert target.mmctl("config", "get", "TeamSettings.SiteName").stdout == '"Zed"\n'
    wrong = target.mmctl("config", "get", "No.Such")
    assert (wrong.returncode, wrong.stderr) == (1, "Error: invalid key\n")
    assert "sysadmin (sysadmin@example.test)" in target.mmctl("user", "list").stdout
    target.stop()
    os.unlink(target.socket)
    gone = target.mmctl("system", "status")
    assert gone.returncode == 1 and "doesn't exist" in gone.stderr


def test_without_a_database_it_pings_five_times_and_ends(server: Make, unreachable: str) -> None:
    target = server(dsn=unreachable, env={"STANDIN_DATABASE_PAUSE": "0"}).start(wait=False)
    assert target.exit_status(10) == 1
    log = target.log()
    assert log.count("Pinging SQL") == 5
    assert "error setting up connections" in log
    assert "mmpw" not in log


def test_a_wrong_password_is_told(server: Make, postgres: Any) -> None:
    dsn = postgres.database().replace("mmpw", "wrong")
    target = server(dsn=dsn, env={"STANDIN_DATABASE_PAUSE": "0"}).start(wait=False)
    assert target.exit_status(10) == 1
    assert 'pq: password authentication failed for user \\"mmuser\\"' in target.log()


@pytest.mark.parametrize(
    ("mode", "host", "root", "works"),
    [
        ("require", "127.0.0.1", False, True),
        ("verify-ca", "127.0.0.1", True, True),
        ("verify-full", "localhost", True, True),
        ("verify-full", "127.0.0.1", False, False),
        ("verify-full", "127.0.0.2", True, False),
        ("prefer", "127.0.0.1", False, False),
    ],
)
def test_tls_to_the_database(server: Make, postgres: Any, mode: str, host: str, root: bool, works: bool) -> None:
    dsn = postgres.database().replace("127.0.0.1", host).replace("sslmode=disable", f"sslmode={mode}")
    if root:
        dsn += f"&sslrootcert={postgres.root}"
    target = server(dsn=dsn, env={"STANDIN_DATABASE_PAUSE": "0"}).start(wait=works)
    if works:
        user = (
            "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'mmuser' AND datname = '{}'"
        )
        assert postgres.run("postgres", user.format(postgres.name(dsn))).startswith("t")
    else:
        assert target.exit_status(10) == 1


def test_health_while_the_database_is_away_and_back(server: Make, postgres: Any) -> None:
    dsn = postgres.database()
    name = postgres.name(dsn)
    target = server(dsn=dsn).start().make_admin()
    postgres.run("postgres", f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    postgres.run("postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    assert target.call("GET", "/system/ping") == (200, {**target.call("GET", "/system/ping")[1], "status": "OK"})
    status, body = target.call("GET", "/system/ping?get_server_status=true")
    assert (status, body["status"], body["database_status"], body["filestore_status"]) == (
        *(500, "UNHEALTHY"),
        *("UNHEALTHY", "OK"),
    )
    status, body = target.call("GET", "/system/ping?get_server_status=true&use_rest_semantics=true")
    assert (status, body["database_status"]) == (200, "UNHEALTHY")
    status, body = target.call("POST", "/users/login", {"login_id": ADMIN["username"], "password": ADMIN["password"]})
    assert (status, body["id"]) == (401, "api.user.login.invalid_credentials_email_username")
    postgres.run("postgres", f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert target.call("GET", "/system/ping?get_server_status=true")[0] == 200
    assert target.admin("GET", "/users/me")["username"] == ADMIN["username"]


def test_health_while_the_file_store_is_away(server: Make) -> None:
    target = server(env={"MM_FILESETTINGS_DIRECTORY": "/proc/none"}).start()
    status, body = target.call("GET", "/system/ping?get_server_status=true")
    assert (status, body["database_status"], body["filestore_status"]) == (500, "OK", "UNHEALTHY")
    assert target.call("GET", "/system/ping")[0] == 200
    assert "Problem with file storage settings" in target.log()


def test_a_port_in_use_ends_the_start(server: Make) -> None:
    target = server()
    with socket.socket() as other:
        other.bind(("127.0.0.1", target.port))
        other.listen()
        target.start(wait=False)
        assert target.exit_status() == 1
    assert "Address already in use" in target.log()


def test_two_servers_share_a_database_and_data_outlives_them(server: Make, postgres: Any) -> None:
    dsn = postgres.database()
    first, second = server(dsn=dsn), server(dsn=dsn, name="b")
    first.start(wait=False), second.start(wait=False)
    first.wait(), second.wait()
    first.make_admin()
    team = first.admin("POST", "/teams", {"name": "alpha", "display_name": "Alpha", "type": "O"})
    second.token = first.token
    assert second.admin("GET", "/teams/name/alpha")["id"] == team["id"]
    channel = second.admin("GET", f"/teams/{team['id']}/channels/name/town-square")
    post = second.admin("POST", "/posts", {"channel_id": channel["id"], "message": "still here"})
    first.stop(), second.stop()
    assert first.start().admin("GET", f"/posts/{post['id']}")["message"] == "still here"


def test_a_dump_can_be_restored(server: Make, postgres: Any, tmp_path: Path) -> None:
    dsn = postgres.database()
    target = server(dsn=dsn).start().make_admin()
    target.admin("POST", "/teams", {"name": "alpha", "display_name": "Alpha", "type": "O"})
    target.stop()
    other, dump = postgres.database(), tmp_path / "dump"
    subprocess.run(["pg_dump", "-Fc", "-f", str(dump), dsn.replace("&connect_timeout=5", "")], check=True)
    subprocess.run(["pg_restore", "--no-owner", "-d", other.replace("&connect_timeout=5", ""), str(dump)], check=True)
    target.env["MM_SQLSETTINGS_DATASOURCE"] = other
    assert target.start().admin("GET", "/teams/name/alpha")["name"] == "alpha"


def test_upgrades_go_forward_only(server: Make, postgres: Any) -> None:
    dsn = postgres.database()
    for version in ("9.11.0", "9.11.1", "9.11.0", "11.6.0"):
        server(version, dsn=dsn, name=version).start().stop()
    old = server("9.11.0", dsn=dsn, name="old").start(wait=False)
    assert old.exit_status() == 1
    assert "the database schema is at version 159, newer than the 123 of 9.11.0" in old.log()


def test_broken_builds(server: Make, postgres: Any) -> None:
    ends = server("9.11.1", broken="exit", name="exit").start(wait=False)
    hangs = server("9.11.1", broken="hang", name="hang").start(wait=False)
    ill = server("9.11.1", broken="unhealthy", name="unhealthy").start()
    assert ends.exit_status() == 1
    assert "broken on purpose" in ends.log()
    assert ill.call("GET", "/system/ping")[0] == 200
    assert ill.call("GET", "/system/ping?get_server_status=true")[0] == 500
    time.sleep(1)
    assert hangs.process is not None and hangs.process.poll() is None
    with pytest.raises(OSError):
        hangs.call("GET", "/system/ping")
    assert hangs.stop() == 0


def test_a_broken_migration_needs_the_dump(server: Make, postgres: Any) -> None:
    dsn = postgres.database()
    server("9.11.0", dsn=dsn).start().stop()
    broken = server("9.11.1", broken="migration", dsn=dsn, name="broken").start(wait=False)
    assert broken.exit_status() == 1
    assert "migration failed half-way" in broken.log()
    back = server("9.11.0", dsn=dsn, name="back").start(wait=False)
    assert back.exit_status() == 1
    assert "a downgrade is not possible" in back.log()


def test_files_are_where_the_setting_says(server: Make, tmp_path: Path) -> None:
    for name, directory, expected in (("a", "./data/", None), ("b", str(tmp_path / "store"), tmp_path / "store")):
        target = server(name=name, env={"MM_FILESETTINGS_DIRECTORY": directory}).start().make_admin()
        team = target.admin("POST", "/teams", {"name": "alpha", "display_name": "Alpha", "type": "O"})
        channel = target.admin("GET", f"/teams/{team['id']}/channels/name/town-square")
        path = f"/files?channel_id={channel['id']}&filename=a.txt"
        status, answer, _headers = target.send("POST", path, raw=b"content", token=target.token)
        assert status == 201
        [stored] = (expected or target.home / "data").rglob("a.txt")
        assert stored.read_bytes() == b"content"
        file_id = json.loads(answer)["file_infos"][0]["id"]
        assert target.send("GET", f"/files/{file_id}", token=target.token)[1] == b"content"


def test_secrets_are_in_no_log_and_no_table(server: Make, postgres: Any) -> None:
    dsn = postgres.database()
    target = server(dsn=dsn).start().make_admin()
    target.admin("PUT", "/config/patch", {"EmailSettings": {"SMTPPassword": "s3cret-smtp"}})
    name = postgres.name(dsn)
    dump = postgres.tool("pg_dump", "--data-only", name)
    log = target.log() + (target.home / "logs/mattermost.log").read_text(encoding="utf-8")
    for secret in (ADMIN["password"], "mmpw", "s3cret-smtp"):
        assert secret not in dump
        assert secret not in log


def test_log_lines_are_json_on_stdout_and_in_the_file(server: Make) -> None:
    target = server().start()
    lines = [json.loads(line) for line in target.log().splitlines()]
    assert {"timestamp", "level", "msg", "caller"} <= set(lines[0])
    in_file = (target.home / "logs/mattermost.log").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["msg"] for line in in_file] == [line["msg"] for line in lines]


def test_a_subpath_moves_the_api_and_marks_the_page(server: Make) -> None:
    target = server(env={"MM_SERVICESETTINGS_SITEURL": "http://example.test/chat"}).start(wait=False)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            status, _body, headers = target.send("GET", "/system/ping")
            break
        time.sleep(0.02)
    assert (status, headers["location"]) == (302, "/chat/api/v4/system/ping")
    assert target.send("GET", "/chat/api/v4/system/ping", prefix="")[0] == 200
    assert b'<base href="/chat/">' in target.send("GET", "/chat/", prefix="")[1]
    assert target.local("GET", "/system/ping")["status"] == "OK"


def test_plugins_come_with_a_shared_file_store(server: Make, postgres: Any, tmp_path: Path) -> None:
    from story import plugin_bundle

    shared = {"MM_FILESETTINGS_DIRECTORY": str(tmp_path / "store"), "MM_PLUGINSETTINGS_ENABLEUPLOADS": "true"}
    dsn = postgres.database()
    first = server(dsn=dsn, env=shared).start()
    bundle = plugin_bundle("a.plugin", "1.0.0")
    head = b'--x\r\nContent-Disposition: form-data; name="plugin"; filename="p.tar.gz"\r\n\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    status, _answer = first.call("POST", "/plugins", raw=head + bundle + b"\r\n--x--\r\n", headers=form, local=True)
    assert status == 201
    second = server(dsn=dsn, env=shared, name="b").start()
    assert [plugin["id"] for plugin in second.local("GET", "/plugins")["inactive"]] == ["a.plugin"]
