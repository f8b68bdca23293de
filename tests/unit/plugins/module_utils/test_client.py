# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import time
from urllib.error import URLError

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils import _client
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client, Connection
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError, MattermostUnreachable
from ansible_collections.fieldops.mattermost.plugins.module_utils._multipart import Multipart
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import FakeServer, Reply, Turns, error


def local(fake, **more):
    return Client(Connection(socket_path=fake.socket_path, **more))


def remote(fake, **more):
    return Client(Connection(url=fake.url + "/", **more))


def test_socket_carries_no_credentials(fake):
    fake.routes[("GET", "/things")] = [1]
    with local(fake) as client:
        assert client.local
        assert client.get("/things", tried="read", query={"a": "b c"}) == [1]
    (request,) = fake.requests
    assert request.query == "a=b+c"
    assert "Authorization" not in request.headers
    assert request.headers["User-Agent"] == "fieldops.mattermost"


def test_token(fake_url):
    fake_url.routes[("PUT", "/things")] = Reply(200, b"")
    with remote(fake_url, token="tok") as client:
        assert not client.local
        assert client.put("/things", {"x": 1}, tried="write") is None
    (request,) = fake_url.requests
    assert request.headers["Authorization"] == "Bearer tok"
    assert request.json == {"x": 1}


@pytest.mark.parametrize("code", [None, "123456"])
def test_login_and_logout(fake_url, code):
    fake_url.routes[("POST", "/users/login")] = Reply(200, {}, {"Token": "session"})
    fake_url.routes[("POST", "/users/logout")] = {}
    fake_url.routes[("DELETE", "/things")] = {}
    with remote(fake_url, login_username="ann", login_password="pw", mfa_code=code) as client:
        client.delete("/things", tried="delete")
        client.delete("/things", tried="delete")
    login, first, _second, logout = fake_url.requests
    assert login.json == {"login_id": "ann", "password": "pw", **({"token": code} if code else {})}
    assert first.headers["Authorization"] == logout.headers["Authorization"] == "Bearer session"
    assert fake_url.writes[-1] == "POST /users/logout"


def test_failed_logout_is_no_failure(fake_url):
    fake_url.routes[("POST", "/users/login")] = Reply(200, {}, {"Token": "session"})
    fake_url.routes[("POST", "/users/logout")] = error(500, "x")
    fake_url.routes[("GET", "/things")] = {}
    with remote(fake_url, login_username="ann", login_password="pw") as client:
        client.get("/things", tried="read")


def test_login_not_used_makes_no_session(fake_url):
    with remote(fake_url, login_username="ann", login_password="pw"):
        pass
    assert not fake_url.requests


@pytest.mark.parametrize("reply", [error(401, "api.user.login.invalid_credentials_email_username"), Reply(200, {})])
def test_login_refused(fake_url, reply):
    fake_url.routes[("POST", "/users/login")] = reply
    with pytest.raises(MattermostError) as raised, remote(
        fake_url, login_username="ann", login_password="pw"
    ) as client:
        client.get("/things", tried="read things")
    assert "Cannot log in as ann: HTTP" in raised.value.message
    assert "pw" not in raised.value.message.split()


def test_pages_to_the_end(fake):
    batches = {"0": [1, 2], "1": [3, 4], "2": [5]}
    fake.routes[("GET", "/list")] = lambda request: batches[request.query.split("page=")[1].split("&")[0]]
    assert list(local(fake).pages("/list", tried="list", query={"q": "x"}, size=2)) == [1, 2, 3, 4, 5]
    assert fake.requests[0].query == "q=x&page=0&per_page=2"


def test_pages_of_nothing(fake):
    fake.routes[("GET", "/list")] = Reply(200, b"null")
    assert list(local(fake).pages("/list", tried="list")) == []


def test_find(fake):
    fake.routes[("GET", "/there")] = {"id": "1"}
    fake.routes[("GET", "/gone")] = error(404, "app.user.missing")
    fake.routes[("GET", "/hidden")] = error(403, "api.context.permissions.app_error")
    client = local(fake)
    assert client.find("/there", tried="look") == {"id": "1"}
    assert client.find("/gone", tried="look") is None
    with pytest.raises(MattermostError, match="The account needs the permission read_it"):
        client.find("/hidden", tried="look", needs="read_it")
    with pytest.raises(MattermostError) as raised:
        client.find("/no/route", tried="look")
    assert raised.value.no_route


def test_version_and_licence_are_read_once(fake):
    fake.routes[("GET", "/config/client")] = {"Version": "9.11.0-rc1"}
    fake.routes[("GET", "/license/client")] = {"IsLicensed": "true", "SkuShortName": "enterprise"}
    client = local(fake)
    assert client.version == client.version == [9, 11]
    assert client.licence == client.licence == {"IsLicensed": "true", "SkuShortName": "enterprise"}
    assert [request.path for request in fake.requests] == ["/config/client", "/license/client"]


def test_change_a_part(fake):
    fake.routes[("PATCH", "/things/1")] = lambda request: {"id": "1", **request.json}
    assert local(fake).patch("/things/1", {"name": "new"}, tried="change it") == {"id": "1", "name": "new"}


def test_no_credentials_at_all(fake_url):
    fake_url.routes[("GET", "/x")] = error(401, "api.context.session_expired.app_error", "Invalid or expired session.")
    with pytest.raises(MattermostError, match=r"No credentials were given\. Give token, or login_username"):
        remote(fake_url).get("/x", tried="read x")
    with pytest.raises(MattermostError, match="The token is wrong, has expired, or was revoked"):
        remote(fake_url, token="old").get("/x", tried="read x")


def test_site_ca(tmp_path):
    """A server whose certificate comes from a CA of its own: trusted with ca_path, and only then."""
    key, certificate = tmp_path / "key.pem", tmp_path / "ca.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    server = FakeServer(unix=False, certificate=(str(certificate), str(key)))
    server.routes[("GET", "/x")] = {"found": True}
    url = server.url.replace("127.0.0.1", "localhost")
    try:
        trusting = Client(Connection(url=url, ca_path=str(certificate), use_proxy=False))
        assert trusting.get("/x", tried="read x") == {"found": True}
        with pytest.raises(MattermostError, match="give that as ca_path"):
            Client(Connection(url=url, use_proxy=False)).get("/x", tried="read x")
        assert Client(Connection(url=url, validate_certs=False, use_proxy=False)).get("/x", tried="read x")
    finally:
        server.stop()


@pytest.mark.parametrize("used", [True, False])
def test_proxy(fake_url, monkeypatch, used):
    """The target's proxy is asked for the whole address, unless it is not to be used."""
    monkeypatch.setenv("http_proxy", fake_url.url)
    monkeypatch.setenv("no_proxy", "")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        client = Client(Connection(url=url, use_proxy=used), retries=0)
        with pytest.raises(MattermostError) as raised:
            client.get("/x", tried="read x")
    assert isinstance(raised.value, MattermostUnreachable) is not used
    assert len(fake_url.requests) == used


def test_time_limit(fake):
    fake.routes[("GET", "/x")] = lambda request: time.sleep(1.5)
    with pytest.raises(MattermostError, match=r"no answer from the socket .* in 1 s"):
        local(fake, timeout=1).get("/x", tried="read x")
    assert len(fake.requests) == 1


def test_upload(fake, tmp_path):
    file = tmp_path / "f.bin"
    file.write_bytes(b"x" * 3_000_000)
    fake.routes[("POST", "/up")] = Reply(201, {"ok": True})
    body = Multipart(name="plugin", source=str(file), fields={"force": "true"})
    assert local(fake).post("/up", body, tried="upload") == {"ok": True}
    sent = fake.requests[0].body
    assert len(sent) == len(body) > 3_000_000
    assert b'name="force"\r\n\r\ntrue\r\n' in sent
    assert b'name="plugin"; filename="plugin"' in sent
    assert b"x" * 3_000_000 + b"\r\n--" in sent


@pytest.mark.parametrize(
    ("method", "first", "asked"),
    [
        ("GET", Reply(502, b"<html>Bad Gateway"), 2),
        ("PUT", Reply(503, b""), 2),
        ("DELETE", Reply(504, b""), 2),
        ("GET", None, 2),
        ("POST", Reply(429, b"limit exceeded", {"Retry-After": "7"}), 2),
        ("GET", Reply(429, b"limit exceeded", {"Retry-After": "soon"}), 2),
        ("GET", Reply(429, b"limit exceeded", {"Retry-After": "3000"}), 2),
        ("POST", Reply(503, b""), 1),
        ("POST", None, 1),
        ("GET", error(500, "app.channel.get.find.app_error"), 2),
        ("PATCH", Reply(502, b""), 1),
        ("POST", error(500, "x"), 1),
        ("GET", error(501, "x"), 1),
    ],
)
def test_tries_again_only_where_it_is_safe(fake, pauses, method, first, asked):
    fake.routes[(method, "/x")] = Turns([first, {"done": True}])
    body = {} if method in ("PUT", "POST", "PATCH") else None
    if asked == 2:
        assert local(fake).request(method, "/x", tried="do it", body=body) == {"done": True}
    else:
        with pytest.raises(MattermostError, match="Cannot do it: "):
            local(fake).request(method, "/x", tried="do it", body=body)
    assert len(fake.requests) == asked
    wait = ((first.headers or {}) if first else {}).get("Retry-After")
    assert pauses == ([{"7": 7.0, "3000": 30.0}.get(wait, 0.5)] if asked == 2 else [])


@pytest.mark.parametrize("lost", [None, Reply(502, b"")])
def test_what_a_lost_attempt_has_removed_is_removed(fake, pauses, lost):
    fake.routes[("DELETE", "/x")] = Turns([lost, error(404, "app.x.missing")])
    assert local(fake).delete("/x", tried="remove x") is None
    fake.routes[("DELETE", "/y")] = error(404, "app.x.missing")
    with pytest.raises(MattermostError, match="Cannot remove y: "):
        local(fake).delete("/y", tried="remove y")


def test_gives_up(fake, pauses):
    fake.routes[("GET", "/x")] = Reply(503, b"starting")
    with pytest.raises(MattermostError, match="Cannot read x: HTTP 503, starting") as raised:
        local(fake).get("/x", tried="read x")
    assert raised.value.status == 503
    assert pauses == [0.5, 1, 2, 4]


def test_server_dies_in_the_middle(fake, pauses):
    fake.routes[("GET", "/x")] = lambda request: None
    with pytest.raises(MattermostError, match=r"the connection to the socket .* broke"):
        local(fake).get("/x", tried="read x")
    assert len(fake.requests) == 5


def test_nobody_there(tmp_path, pauses):
    client = Client(Connection(socket_path=str(tmp_path / "none")), retries=1)
    with pytest.raises(MattermostUnreachable, match=r"nobody answers at the socket .*EnableLocalMode true\?"):
        client.get("/x", tried="read x")
    assert len(pauses) == 1
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(MattermostUnreachable, match=r"is the address right\?"):
            Client(Connection(url=url, use_proxy=False), retries=0).post("/x", tried="read x")


@pytest.mark.parametrize(
    ("thrown", "words", "kind"),
    [
        (URLError(socket.gaierror(-2, "Name or service not known")), "nobody answers", MattermostUnreachable),
        (URLError(ssl.SSLCertVerificationError(1, "self-signed")), "give that as ca_path", MattermostError),
        (URLError(socket.timeout("timed out")), "no answer from http://h in 30 s", MattermostError),
        (socket.timeout("timed out"), "no answer", MattermostError),
        (URLError(PermissionError(13, "Permission denied")), "Become root", MattermostError),
        (http.client.IncompleteRead(b""), "broke", MattermostError),
        (URLError("unknown url type: ftp"), "broke", MattermostError),
        (ValueError("unknown url type"), "broke", MattermostError),
    ],
)
def test_no_answer(monkeypatch, pauses, thrown, words, kind):
    def fail(*args, **kwargs):
        raise thrown

    monkeypatch.setattr(_client, "open_url", fail)
    with pytest.raises(kind, match=words) as raised:
        Client(Connection(url="http://h", token="secret-token")).get("/x", tried="read x")
    assert "secret-token" not in raised.value.message


def test_redirect(fake_url):
    fake_url.routes[("GET", "/x")] = Reply(302, b"", {"Location": "http://h/chat/api/v4/x"})
    with pytest.raises(MattermostError, match=r"redirects to http://h/chat/api/v4/x\. Give that address as url"):
        remote(fake_url).get("/x", tried="read x")


def test_something_else_answers(fake_url):
    fake_url.routes[("GET", "/x")] = Reply(200, b"<html>It works!")
    with pytest.raises(MattermostError, match="is not Mattermost"):
        remote(fake_url).get("/x", tried="read x")


def test_from_params():
    params = {name: None for name in Connection.__dataclass_fields__}
    assert Connection.from_params({**params, "url": "https://h", "other": 1}).place == "https://h"
