# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way to a Mattermost server: its local socket, or HTTPS with a token or a login.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import socket
import ssl
import time
from dataclasses import dataclass
from email.message import Message
from functools import cached_property
from typing import Any, Dict, Iterator, List, Mapping, Optional, Union
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode

from ansible.module_utils.urls import open_url

from ._errors import MattermostError, MattermostUnreachable, refused
from ._multipart import Multipart

# A request that never reached the server, or that it turned away unread, may be sent again whatever it asks for.
# After the others of this list the server may have acted: those are sent again only if that does no harm.
_TRY_AGAIN = (500, 502, 503, 504)
_REPEATABLE = ("GET", "PUT", "DELETE")
_LONGEST_PAUSE = 30.0
_NOBODY_THERE = (errno.ECONNREFUSED, errno.ENOENT, errno.EHOSTUNREACH, errno.ENETUNREACH)

Body = Union[Dict[str, Any], Multipart, None]


@dataclass(frozen=True)
class Connection:
    """Where the server is, and as whom to speak to it."""

    url: Optional[str] = None
    socket_path: Optional[str] = None
    token: Optional[str] = None
    login_username: Optional[str] = None
    login_password: Optional[str] = None
    mfa_code: Optional[str] = None
    ca_path: Optional[str] = None
    validate_certs: bool = True
    use_proxy: bool = True
    timeout: int = 30

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Connection:
        """The connection part of a module's arguments."""
        return cls(**{name: params[name] for name in cls.__dataclass_fields__})

    @property
    def place(self) -> str:
        """How messages name the server."""
        return f"the socket {self.socket_path}" if self.socket_path else str(self.url)


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Message
    body: bytes


class Client:
    """Requests to one server; ends the session it made when used as a context manager."""

    def __init__(self, connection: Connection, *, retries: int = 4) -> None:
        self.connection = connection
        self.retries = retries
        self.known: Dict[str, Dict[str, Any]] = {}  # what _lookup has found by its name
        self._token = connection.token
        self._base = "http://localhost" if connection.socket_path else (connection.url or "").rstrip("/")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *unused: object) -> None:
        if self._token and self.connection.login_username:
            # The work is done; a session that is left behind expires by itself.
            with contextlib.suppress(MattermostError):
                self.post("/users/logout", tried="log out")
            self._token = None

    @property
    def local(self) -> bool:
        """Whether this is the local socket, where no route asks who is speaking."""
        return bool(self.connection.socket_path)

    @cached_property
    def client_config(self) -> Dict[str, str]:
        """What the server tells every client: version, build, site address."""
        config: Dict[str, str] = self.get("/config/client", tried="read the server's version", query={"format": "old"})
        return config

    @property
    def version(self) -> List[int]:
        """The server's release, for instance [9, 11, 0]."""
        return [int(part) for part in self.client_config.get("Version", "0").split(".") if part.isdigit()]

    @cached_property
    def licence(self) -> Optional[Dict[str, str]]:
        """What the server tells clients about its licence; None when it tells nothing."""
        from ._licences import client_map  # it makes clients itself

        return client_map(self)

    def get(self, path: str, *, tried: str, query: Optional[Dict[str, Any]] = None, needs: Optional[str] = None) -> Any:
        """Read; `tried` completes the sentence "Cannot ...", `needs` names the permission asked for."""
        return self.request("GET", path, tried=tried, query=query, needs=needs)

    def find(self, path: str, *, tried: str, **more: Any) -> Optional[Dict[str, Any]]:
        """Read one object; None when there is none."""
        try:
            found: Dict[str, Any] = self.get(path, tried=tried, **more)
        except MattermostError as error:
            if error.missing:
                return None
            raise
        return found

    def post(self, path: str, body: Body = None, *, tried: str, **more: Any) -> Any:
        """Create or do."""
        return self.request("POST", path, body=body, tried=tried, **more)

    def put(self, path: str, body: Dict[str, Any], *, tried: str, **more: Any) -> Any:
        """Change."""
        return self.request("PUT", path, body=body, tried=tried, **more)

    def patch(self, path: str, body: Dict[str, Any], *, tried: str, **more: Any) -> Any:
        """Change a part."""
        return self.request("PATCH", path, body=body, tried=tried, **more)

    def delete(self, path: str, *, tried: str, **more: Any) -> Any:
        """Remove."""
        return self.request("DELETE", path, tried=tried, **more)

    def pages(
        self,
        path: str,
        *,
        tried: str,
        query: Optional[Dict[str, Any]] = None,
        needs: Optional[str] = None,
        size: int = 200,
    ) -> Iterator[Any]:
        """Every item of a list, page after page to the end."""
        number = 0
        while True:
            asked = {**(query or {}), "page": number, "per_page": size}
            batch = self.get(path, tried=tried, query=asked, needs=needs) or []
            yield from batch
            if len(batch) < size:
                return
            number += 1

    def request(
        self,
        method: str,
        path: str,
        *,
        tried: str,
        query: Optional[Dict[str, Any]] = None,
        body: Body = None,
        needs: Optional[str] = None,
    ) -> Any:
        """The decoded answer, or a MattermostError."""
        if self._token is None and self.connection.login_username:
            self._login()
        address = path + ("?" + urlencode(query) if query else "")
        answer = self._send(method, address, body=body, tried=tried)
        if not 200 <= answer.status < 300:
            raise self._refused(answer, tried=tried, needs=needs)
        try:
            return json.loads(answer.body.decode("utf-8")) if answer.body.strip() else None
        except ValueError:
            message = f"Cannot {tried}: what answers at {self.connection.place} is not Mattermost. Check the address."
            raise MattermostError(message, status=answer.status) from None

    def _login(self) -> None:
        account = {"login_id": self.connection.login_username, "password": self.connection.login_password}
        if self.connection.mfa_code:
            account["token"] = self.connection.mfa_code
        tried = f"log in as {self.connection.login_username}"
        answer = self._send("POST", "/users/login", body=account, tried=tried)
        if answer.status != 200 or not answer.headers.get("Token"):
            raise self._refused(answer, tried=tried, needs=None)
        self._token = answer.headers["Token"]

    def _refused(self, answer: _Answer, *, tried: str, needs: Optional[str]) -> MattermostError:
        if 300 <= answer.status < 400:
            there = answer.headers.get("Location")
            message = f"Cannot {tried}: {self.connection.place} redirects to {there}. Give that address as url."
            return MattermostError(message, status=answer.status)
        anonymous = not (self.local or self._token or self.connection.login_username)
        return refused(tried=tried, status=answer.status, body=answer.body, needs=needs, anonymous=anonymous)

    def _send(self, method: str, address: str, *, body: Body, tried: str) -> _Answer:
        """One request, again while that is safe and may help."""
        pause = 0.5
        left = self.retries
        while True:
            wait = pause
            try:
                answer = self._exchange(method, address, body=body)
            except (OSError, http.client.HTTPException, ValueError) as error:
                failure = self._failure(error, tried=tried)
                lost = isinstance(_cause(error), ConnectionError) and method in _REPEATABLE
                if not left or not (lost or isinstance(failure, MattermostUnreachable)):
                    raise failure from error
            else:
                again = answer.status == 429 or (answer.status in _TRY_AGAIN and method in _REPEATABLE)
                if not left or not again:
                    # What is gone now went with an attempt whose answer was lost.
                    went = method == "DELETE" and answer.status == 404 and left < self.retries
                    return _Answer(200, answer.headers, b"") if went else answer
                asked = answer.headers.get("Retry-After") or ""
                wait = max(pause, float(asked)) if asked.isdigit() else pause
            time.sleep(min(wait, _LONGEST_PAUSE))
            pause *= 2
            left -= 1

    def _exchange(self, method: str, address: str, *, body: Body) -> _Answer:
        headers = {"Accept": "application/json"}
        data: Union[bytes, Multipart, None] = None
        if isinstance(body, Multipart):
            data = body
            headers.update({"Content-Type": body.content_type, "Content-Length": str(len(body))})
        elif body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        if self._token:
            headers["Authorization"] = "Bearer " + self._token
        there = self.connection
        try:
            response = open_url(
                self._base + "/api/v4" + address,
                data=data,
                headers=headers,
                method=method,
                timeout=there.timeout,
                unix_socket=there.socket_path,
                use_proxy=there.use_proxy and not there.socket_path,
                validate_certs=there.validate_certs,
                ca_path=there.ca_path,
                follow_redirects="none",
                use_netrc=False,
                http_agent="fieldops.mattermost",
            )
            return _Answer(response.getcode(), response.headers, response.read())
        except HTTPError as error:
            return _Answer(error.code, error.headers, error.read())

    def _failure(self, error: BaseException, *, tried: str) -> MattermostError:
        """The error for a request that got no answer."""
        place = self.connection.place
        cause = _cause(error)
        if isinstance(cause, ssl.SSLError):
            why = getattr(cause, "verify_message", None) or cause
            remedy = "If its certificate comes from the site CA, give that as ca_path."
            return MattermostError(f"Cannot {tried}: TLS to {place} failed ({why}). {remedy}")
        if isinstance(cause, socket.timeout):
            remedy = "Raise timeout, or see the server's log."
            return MattermostError(f"Cannot {tried}: no answer from {place} in {self.connection.timeout} s. {remedy}")
        if isinstance(cause, PermissionError):
            remedy = "Become root, or the account the server runs under."
            return MattermostError(f"Cannot {tried}: {place} may not be opened. {remedy}")
        if isinstance(cause, socket.gaierror) or getattr(cause, "errno", None) in _NOBODY_THERE:
            check = "is ServiceSettings.EnableLocalMode true" if self.local else "is the address right"
            remedy = f"Is the service running, and {check}?"
            return MattermostUnreachable(f"Cannot {tried}: nobody answers at {place} ({cause}). {remedy}")
        return MattermostError(f"Cannot {tried}: the connection to {place} broke ({cause}). See the server's log.")


def _cause(error: BaseException) -> BaseException:
    """The error beneath the wrappings: urllib's, and Ansible's for sockets, which keeps it only as context."""
    while True:
        reason = getattr(error, "reason", None)
        beneath = reason if isinstance(error, URLError) and isinstance(reason, BaseException) else error.__context__
        if beneath is None or getattr(error, "errno", None) is not None:
            return error
        error = beneath
