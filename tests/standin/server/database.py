# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""PostgreSQL by a connection string of the real server's form, with a small pool that survives a database restart."""

from __future__ import annotations

import contextlib
import queue
import ssl
import threading
from typing import Any, Callable, Dict, Iterator, List
from urllib.parse import parse_qsl, unquote, urlsplit

import pg8000.native
from pg8000.exceptions import DatabaseError, InterfaceError

Row = Dict[str, Any]
Run = Callable[..., List[Row]]
_MAX_CONNECTIONS = 20
_LOST = (InterfaceError, OSError, EOFError)
__all__ = ["Database", "DatabaseError", "NoDatabase", "Row", "Run"]


class NoDatabase(Exception):
    """The database cannot be reached, or refuses the connection."""


class Database:
    """Runs statements; `shown` is the connection string without its secrets, for the log."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._arguments, self._connect_timeout = _arguments(dsn)
        self._slots = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        self._idle: queue.LifoQueue[pg8000.native.Connection] = queue.LifoQueue()
        parts = urlsplit(dsn)
        host = parts.netloc.rpartition("@")[2]
        query = f"?{parts.query}" if parts.query else ""
        self.shown = f"{parts.scheme}://%2A%2A%2A%2A:%2A%2A%2A%2A@{host}{parts.path}{query}"

    def ping(self) -> None:
        self.run("SELECT 1")

    def run(self, sql: str, **values: Any) -> list[Row]:
        """One statement, each in a transaction of its own; a connection that broke while idle is replaced."""
        with self._slots:
            return self._run(sql, values)

    def _run(self, sql: str, values: Row) -> list[Row]:
        while True:
            connection, reused = self._take()
            try:
                rows = _rows(connection, sql, values)
            except DatabaseError:
                self._idle.put(connection)
                raise
            except _LOST as error:
                _close(connection)
                if reused:
                    continue
                raise NoDatabase(str(error)) from error
            self._idle.put(connection)
            return rows

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Run]:
        self.ping()  # drops what broke while idle
        connection, _reused = self._take()
        try:
            connection.run("START TRANSACTION")
            yield lambda sql, **values: _rows(connection, sql, values)
            connection.run("COMMIT")
        except BaseException:
            _close(connection)
            raise
        self._idle.put(connection)

    def recycle(self) -> None:
        while not self._idle.empty():
            with contextlib.suppress(queue.Empty):
                _close(self._idle.get_nowait())

    def _take(self) -> tuple[pg8000.native.Connection, bool]:
        with contextlib.suppress(queue.Empty):
            return self._idle.get_nowait(), True
        try:
            connection = pg8000.native.Connection(timeout=self._connect_timeout, **self._arguments)
        except DatabaseError as error:
            reason = error.args[0] if error.args else error
            raise NoDatabase("pq: " + str(reason.get("M") if isinstance(reason, dict) else reason)) from error
        except _LOST as error:
            raise NoDatabase(str(error)) from error
        connection._usock.settimeout(None)
        return connection, False


def _close(connection: pg8000.native.Connection) -> None:
    with contextlib.suppress(Exception):
        connection.close()


def _rows(connection: pg8000.native.Connection, sql: str, values: dict[str, Any]) -> list[Row]:
    answers = connection.run(sql, **values) or []
    names = [column["name"] for column in connection.columns or []]
    return [dict(zip(names, answer)) for answer in answers]


def _arguments(dsn: str) -> tuple[dict[str, Any], float]:
    parts = urlsplit(dsn)
    options = dict(parse_qsl(parts.query))
    host = options.get("host", parts.hostname or "localhost")
    port = int(options.get("port", parts.port or 5432))
    found: dict[str, Any] = {
        "user": unquote(parts.username or options.get("user", "mmuser")),
        "password": unquote(parts.password or options.get("password", "")) or None,
        "database": unquote(parts.path.lstrip("/")) or options.get("dbname"),
        "application_name": "mattermost stand-in",
    }
    if host.startswith("/"):
        found["unix_sock"] = f"{host}/.s.PGSQL.{port}"
    else:
        found.update(host=host, port=port)
        found["ssl_context"] = _tls(options)
    return found, float(options.get("connect_timeout", 10))


def _tls(options: dict[str, str]) -> ssl.SSLContext | None:
    """The modes of the real server's driver, whose default is `require`."""
    mode = options.get("sslmode", "require")
    if mode == "disable":
        return None
    if mode not in ("require", "verify-ca", "verify-full"):
        raise NoDatabase(
            f'pq: unsupported sslmode "{mode}"; only "require" (default), "verify-full", "verify-ca", and "disable" supported'
        )
    root = options.get("sslrootcert")
    context = ssl.create_default_context(cafile=root) if root else ssl.create_default_context()
    if mode != "verify-full":
        context.check_hostname = False
    if mode == "require" and not root:
        context.verify_mode = ssl.CERT_NONE
    if options.get("sslcert"):
        context.load_cert_chain(options["sslcert"], options.get("sslkey"))
    return context
