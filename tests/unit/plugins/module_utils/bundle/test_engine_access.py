# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is told what: credentials, tokens, private authorities, and what a redirection must not carry away."""

from __future__ import annotations

import contextlib
import http.server
import threading
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.access import Access, Keychain
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.bom import Bom
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fetch import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.transport import check_url
from ansible_collections.fieldops.mattermost.tests.unit.registries import Authority, Image
from ansible_collections.fieldops.mattermost.tests.unit.token_registry import PASSWORD, TokenRegistry
from ansible_collections.fieldops.mattermost.tests.unit.upstream import WebServer

BASIC = "Basic bWU6c2VjcmV0"  # me:secret
LOGIN = {"username": "me", "password": "secret"}


def client(*rows: Dict[str, str], attempts: int = 1) -> Client:
    return Client(attempts=attempts, sleep=lambda seconds: None, keychain=Keychain.given(rows))


@pytest.fixture
def tokens() -> Iterator[TokenRegistry]:
    server = TokenRegistry()
    yield server
    server.stop()


@pytest.mark.parametrize(
    "row, told",
    [
        ({"url": "registry.example.com", **LOGIN}, "url has to be the beginning of an https URL"),
        ({"url": "https://", **LOGIN}, "url has to be the beginning of an https URL"),
        ({"url": "https://x:y", **LOGIN}, "url has to be the beginning of an https URL"),
        ({"url": "https://me:secret@x", **LOGIN}, "url has to be the beginning of an https URL"),
        ({"url": "https://x/?a=b", **LOGIN}, "url has to be the beginning of an https URL"),
        ({"url": "http://registry.example.com", **LOGIN}, "is not https, and a secret is not sent in the clear"),
        ({"url": "https://x", "username": "me"}, "give either username and password, or token"),
        ({"url": "https://x", "token": "t", **LOGIN}, "give either username and password, or token"),
        ({"url": "https://x", "username": "a:b", "password": "secret"}, "a username has no colon in it"),
        ({"url": "https://x", "token": "two words"}, "a token no blanks"),
        ({"url": "https://x", "token": "line\r\nbreak"}, "a token no blanks"),
        ({"url": "https://x"}, "give username and password, token, or ca_certificates for https://x"),
    ],
)
def test_credentials_that_are_not_usable(row: Dict[str, str], told: str) -> None:
    with pytest.raises(BundleError, match=r"^credentials\[0\]: ") as caught:
        Keychain.given([row])
    assert told in str(caught.value)
    assert "secret@" not in str(caught.value).replace(row["url"], "") and "break" not in str(caught.value)


def test_a_prefix_is_given_once() -> None:
    with pytest.raises(BundleError, match=r"credentials\[1\]: https://x is given twice"):
        Keychain.given([{"url": "https://x", **LOGIN}, {"url": "https://x/", **LOGIN}])
    assert Keychain.given(None).find("https://x") is None


@pytest.mark.parametrize(
    "url, covered",
    [
        ("https://x.example/team", True),
        ("https://x.example/team/file", True),
        ("https://X.example:443/team/file", True),
        ("https://x.example/te%61m/file", True),
        ("https://x.example/teamwork", False),
        ("https://x.example/", False),
        ("https://x.example/team/../other", False),
        ("https://x.example/team/%2e%2e/other", False),
        ("https://x.example:444/team/file", False),
        ("https://x.example.com/team/file", False),
        ("http://x.example/team/file", False),
    ],
)
def test_what_a_prefix_covers(url: str, covered: bool) -> None:
    assert Access.given({"url": "https://x.example/team/", **LOGIN}, "x").covers(url) is covered


def test_the_longest_prefix_counts_and_secrets_do_not_show() -> None:
    keychain = Keychain.given([{"url": "https://x", **LOGIN}, {"url": "https://x/deep", "token": "t0ken"}])
    assert keychain.header("https://x/a") == {"Authorization": BASIC}
    assert keychain.header("https://x/deep/a") == {"Authorization": "Bearer t0ken"}
    assert keychain.header("https://y/a") == {}
    assert "secret" not in repr(keychain.accesses) and "t0ken" not in repr(keychain.accesses)


def test_basic_is_sent_to_its_server_only(web: WebServer) -> None:
    web.root.mkdir(parents=True)
    (web.root / "file").write_bytes(b"data")
    mine = client({"url": web.url, **LOGIN})
    assert mine.get(f"{web.url}/file").body == b"data"
    assert web.requests[-1][2]["Authorization"] == BASIC
    other = web.url.replace("127.0.0.1", "localhost")
    web.plan("/moved", (302, {"Location": "/file"}), (302, {"Location": f"{other}/back"}))
    web.plan("/back", (302, {"Location": f"{web.url}/file"}))
    mine.get(f"{web.url}/moved")
    assert [headers.get("Authorization") for _m, _p, headers in web.requests[-2:]] == [BASIC, BASIC]
    mine.get(f"{web.url}/moved")
    assert [headers.get("Authorization") for _m, _p, headers in web.requests[-3:]] == [BASIC, None, None]


def test_a_redirection_does_not_fetch_with_the_credentials_of_its_target(web: WebServer) -> None:
    other = web.url.replace("127.0.0.1", "localhost")
    web.plan("/moved", (302, {"Location": f"{other}/private"}))
    web.plan("/private", 401)
    with pytest.raises(BundleError, match=r"/moved: http://localhost:\d+, to which it redirects, refuses \(HTTP 401\)"):
        client({"url": other, **LOGIN}).get(f"{web.url}/moved")
    assert "Authorization" not in web.requests[-1][2]


def test_refusals_say_what_to_give(web: WebServer) -> None:
    for status in (401, 403):
        web.plan("/file?signature=abc", status)
        with pytest.raises(BundleError) as caught:
            client().get(f"{web.url}/file?signature=abc")
        assert str(caught.value) == (
            f"Cannot fetch {web.url}/file: the server wants to know who asks (HTTP {status}), or does not have it. Give "
            f"username and password, or token, for {web.url} in credentials."
        )
    web.plan("/file", 401)
    with pytest.raises(BundleError) as caught:
        client({"url": web.url, "token": "t0ken"}).get(f"{web.url}/file")
    assert str(caught.value) == (
        f"Cannot fetch {web.url}/file: the server refuses what credentials give for {web.url} (HTTP 401). Check that they "
        "are valid, and that they allow this."
    )
    web.plan("/moved", (302, {"Location": "ftp://x/?secret=1"}))
    with pytest.raises(BundleError, match=r"it redirects to 'ftp://x/', which is not followed"):
        client().get(f"{web.url}/moved")


@pytest.mark.parametrize(
    "url", ["https://me:hidden@x:y/a?b=hidden", "ftp://x/a?b=hidden", "https://x:99999999/?b=hidden"]
)
def test_urls_are_shown_without_what_may_be_secret(url: str) -> None:
    with pytest.raises(BundleError, match=r"^here: '(https|ftp)://x") as caught:
        check_url(url, "here")
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "access_token",
        "private-token",
        "sig",
        "signature",
        "X-Amz-Signature",
        "X-Amz-Security-Token",
        "X-Goog-Credential",
        "password",
        "pwd",
        "key",
        "apiKey",
        "api_key",
        "client_secret",
        "auth",
        "AccessToken",
        "SIG",
        "%74oken",
        "user[password]",
        "PRIVATE.KEY",
    ],
)
def test_secrets_in_a_query_are_refused_by_name(name: str) -> None:
    for query in (f"{name}=hidden", f"download=1&{name}=hidden", f"a;{name}=hidden#part"):
        with pytest.raises(BundleError) as caught:
            check_url(f"https://example.com/x?{query}", "files[0].url")
        assert str(caught.value) == (
            f"files[0].url: the URL has a secret in its query, the parameter {name.replace('%74', 't')!r}, which must not enter "
            "a lock or a bundle; leave it out, and give the secret as credentials."
        )


@pytest.mark.parametrize(
    "query", ["download=1", "raw=true&token", "token=", "monkey=1", "design=2&author=me", "a=key", ""]
)
def test_other_queries_stay(query: str) -> None:
    url = f"https://example.com/x?{query}"
    assert check_url(url, "here") == url
    assert check_url(f"/srv/x?token={query}", "here") == f"/srv/x?token={query}", "a path has no query"


def test_a_bill_of_materials_with_a_secret_in_a_url_is_refused() -> None:
    row = {"name": "x", "url": "https://example.com/x?access_token=hidden", "destination": "x", "sha256": "0" * 64}
    with pytest.raises(
        BundleError, match=r"files\[0\].url: .* the parameter 'access_token', .* credentials\."
    ) as caught:
        Bom.parse({"name": "site", "files": [row]})
    assert "hidden" not in str(caught.value)


def test_a_redirection_may_have_a_secret_of_the_server(web: WebServer) -> None:
    web.root.mkdir(exist_ok=True)
    (web.root / "store?X-Amz-Signature=0").write_bytes(b"data")
    web.plan("/moved", (302, {"Location": "/store?X-Amz-Signature=0"}))
    assert client().get(f"{web.url}/moved").body == b"data"


def test_tokens(tokens: TokenRegistry) -> None:
    tokens.add("team/one", "1", Image(b"x"))
    tokens.add("team/two", "1", Image(b"x"))
    mine = client(*tokens.credentials)
    for _round in range(3):
        mine.exchange("GET", f"{tokens.url}/v2/team/one/manifests/1")
    token = "/token?service=tests&scope=repository%3Ateam%2Fone%3Apull"
    assert tokens.asked("GET") == ["/v2/team/one/manifests/1", token, *["/v2/team/one/manifests/1"] * 3]
    mine.exchange("HEAD", f"{tokens.url}/v2/team/two/manifests/1")
    assert tokens.given == 2
    tokens.valid.clear()  # they are over
    mine.exchange("GET", f"{tokens.url}/v2/team/one/manifests/1")
    assert tokens.given == 3


def test_tokens_for_nobody_in_particular(tokens: TokenRegistry) -> None:
    tokens.anonymous = True
    tokens.add("team/one", "1", Image(b"x"))
    assert client().exchange("GET", f"{tokens.url}/v2/team/one/manifests/1").status == 200
    assert tokens.requests[1][2] == ""


def test_threads_fetch_one_token(tokens: TokenRegistry) -> None:
    tokens.add("team/one", "1", Image(b"x"))
    tokens.plan("/token", 0.2)
    mine = client(*tokens.credentials)
    threads = [
        threading.Thread(target=mine.exchange, args=("GET", f"{tokens.url}/v2/team/one/manifests/1")) for _n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tokens.given == 1


@pytest.mark.parametrize(
    "challenge, told",
    [
        ('Bearer realm="{elsewhere}/token"', "sends for a token to 'http://localhost:"),
        ('Bearer realm="http://x:y/token"', "which is not https; it gets none"),
        ('Bearer realm="https://me:you@example.com/token"', "which is not https; it gets none"),
        ("Bearer service=x", "sends for a token to ''"),
        ('Digest realm="x"', "the server refuses what credentials give for"),
        ("", "the server refuses what credentials give for"),
    ],
)
def test_challenges_that_are_not_met(tokens: TokenRegistry, challenge: str, told: str) -> None:
    tokens.challenge = challenge
    with pytest.raises(BundleError) as caught:
        client(*tokens.credentials).exchange("GET", f"{tokens.url}/v2/team/one/manifests/1")
    assert told in str(caught.value) and PASSWORD not in str(caught.value)
    assert not [path for path in tokens.asked("GET") if path.startswith("/token")]


@pytest.mark.parametrize(
    "reply, told",
    [
        ((401, {}, b""), r"\(HTTP 401\).* It was http://127.0.0.1:\d+/token that refused"),
        ((200, {}, b"no json"), r"/token gave no token for it \(HTTP 200\)"),
        ((200, {}, b'["x"]'), r"/token gave no token for it \(HTTP 200\)"),
        ((200, {}, b'{"token": "with\\r\\nheader: x"}'), r"/token gave no token for it \(HTTP 200\)"),
        ((200, {}, b"{}"), r"/token gave no token for it \(HTTP 200\)"),
        ((404, {}, b""), r"/token gave no token for it \(HTTP 404\)"),
        ((302, {"Location": "https://example.com/"}, b""), r"/token gave no token for it \(HTTP 302\)"),
        ((503, {}, b""), r"/token answered HTTP 503 Service Unavailable. Gave up after 1 attempts"),
        ((200, {}, b" " * (2 << 20)), r"/token gave no token for it \(HTTP 200\)"),
    ],
)
def test_token_services_that_fail(tokens: TokenRegistry, reply: Any, told: str) -> None:
    tokens.plan("/token", reply)
    with pytest.raises(BundleError, match=told):
        client(*tokens.credentials).exchange("GET", f"{tokens.url}/v2/team/one/manifests/1")


def test_a_token_that_does_not_help(tokens: TokenRegistry) -> None:
    refused = (401, {"WWW-Authenticate": f'Bearer realm="{tokens.url}/token"'}, b"")
    tokens.plan("/v2/team/one/manifests/1", refused, refused)
    with pytest.raises(BundleError, match=r"the server refuses what credentials give for http://127"):
        client(*tokens.credentials).exchange("GET", f"{tokens.url}/v2/team/one/manifests/1")
    assert tokens.given == 1
    # A login that is wanted after all: the token is forgotten, and the name goes along again.
    tokens.plan("/v2/team/one/manifests/1", (401, {"WWW-Authenticate": "Basic realm=x"}, b""), (200, {}, b"{}"))
    mine = client(*tokens.credentials)
    mine.transport.keychain._tokens[f"{tokens.url}/v2/team/one"] = "old"
    assert mine.exchange("GET", f"{tokens.url}/v2/team/one/manifests/1").status == 200
    assert [authorization.split(" ")[0] for _m, _p, authorization in tokens.requests[-2:]] == ["Bearer", "Basic"]


@contextlib.contextmanager
def secure_server(authority: Authority) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *args: None  # type: ignore[method-assign]
    server.socket = authority.context().wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_private_authority_is_trusted_where_it_is_given(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with secure_server(authority) as url:
        for given in (str(authority.ca), authority.ca.read_text()):
            mine = client({"url": f"{url}/team", "ca_certificates": given})
            assert mine.get(f"{url}/team/x").body == b"ok"
            with pytest.raises(BundleError, match=r"/other: its certificate is not trusted"):
                mine.get(f"{url}/other")
            assert mine.get(f"{url}/team/x").body == b"ok"
        link = tmp_path / "link.pem"
        link.symlink_to(authority.ca)
        assert client({"url": url, "ca_certificates": str(link)}).get(f"{url}/x").body == b"ok"


@pytest.mark.parametrize("text", ["-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n", "FILE"])
def test_authorities_that_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "FILE").write_text("nothing")
    given = str(tmp_path / text) if text == "FILE" else text
    rows: List[Dict[str, str]] = [{"url": "https://127.0.0.1:9", "ca_certificates": given}]
    with pytest.raises(BundleError, match=r"The ca_certificates given for https://127.0.0.1:9 are no PEM certificates"):
        client(*rows).get("https://127.0.0.1:9/x")
    rows[0]["ca_certificates"] = str(tmp_path / "none")
    with pytest.raises(BundleError, match=r"Cannot read .*none: No such file"):
        client(*rows).get("https://127.0.0.1:9/x")
