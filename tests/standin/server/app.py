# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""One running server: its parts, the order it starts them in, and how it stops."""

from __future__ import annotations

import hashlib
import os
import signal
import ssl
import sys
import threading
from pathlib import Path
from typing import Any

from server import gojson, guests, notify
from server.clientconfig import ClientConfig
from server.config import Config
from server.config_backing import search_dirs
from server.database import Database, NoDatabase
from server.federation.gate import Federation
from server.filestore import FileStore
from server.http import TcpServer, UnixServer
from server.jobs import Jobs
from server.licence import Licence
from server.log import Logger
from server.outbound import Outbound
from server.plugins import Plugins
from server.release import Release
from server.router import Router
from server.routes import all_routes
from server.schema import TooNew, migrate
from server.seed import seed
from server.sessions import Sessions
from server.store import Store
from server.web import Web
from server.websocket import Hub

_PINGS = 5


class StartError(Exception):
    """The server cannot start; it exits with status 1."""


class App:
    def __init__(self, release: Release, config: Config, release_dir: Path, log: Logger) -> None:
        self.release = release
        self.config = config
        self.release_dir = release_dir
        self.log = log
        self.stopping = threading.Event()
        self.federation = Federation(self)
        self._servers: list[Any] = []
        config.listeners.append(self._config_changed)
        self._config_changed(config.get())

    def start(self) -> None:
        """Everything up to the open port, in the real server's order; no port is open before migrations are done."""
        self.log.info("Server is initializing...", go_version="python" + sys.version.split()[0])
        try:
            self.database = Database(self.config("SqlSettings.DataSource"))
        except (NoDatabase, OSError, ValueError) as error:
            raise StartError(f"failed to initialize platform: cannot create store: {error}") from error
        self._wait_for_database()
        try:
            migrate(self.database, self.release, self.log)
        except TooNew as error:
            raise StartError(f"failed to initialize platform: cannot create store: {error}") from error
        if self.release.broken == "migration":
            raise StartError("failed to initialize platform: cannot create store: migration failed half-way")
        if self.release.broken == "exit":
            raise StartError("failed to initialize platform: this build of the stand-in is broken on purpose")
        if self.release.broken == "hang":
            self.log.info("Applying migrations", note="this build of the stand-in hangs here on purpose")
            self.stopping.wait()
            return
        self.store = Store(self.database)
        seed(self.store, self.release)
        self.licence = Licence(self)
        self.licence.load()
        self.files = FileStore(self.config)
        self.sessions = Sessions(self)
        self.hub = Hub(self)
        guests.watch(self)
        self.outbound = Outbound(self.config, self.release, self.log)
        self.client_config = ClientConfig(self)
        self.web = Web(self)
        self.web.prepare()
        self._announce()
        self.plugins = Plugins(self)
        self.plugins.start()
        self.jobs = Jobs(self)
        self.jobs.start()
        self._check_files()
        self.federation.start()
        self._listen()
        self.outbound.start()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT. SIGHUP is left alone: it kills, as it does the real server."""
        # Waited for in a thread: a handler would run in the middle of wait(), and set() would wait for wait() then.
        ending = {signal.SIGTERM, signal.SIGINT}
        signal.pthread_sigmask(signal.SIG_BLOCK, ending)
        threading.Thread(target=lambda: (signal.sigwait(ending), self.stopping.set()), daemon=True).start()
        self.start()
        self.stopping.wait()
        self.log.info("Stopping Server...")
        for server in self._servers:
            server.shutdown()
            server.server_close()
        self.log.info("Server stopped")

    def version_id(self) -> str:
        licensed = str(self.licence.licensed).lower()
        return f"{self.release.version}.{self.release.build_number}.{self._config_digest}.{licensed}"

    def find_dir(self, name: str) -> Path:
        for base in search_dirs(self.release_dir):
            if (base / name).is_dir():
                return base / name
        return Path(name)

    def _config_changed(self, config: dict[str, Any]) -> None:
        self._config_digest = hashlib.md5(gojson.dumps(config).encode()).hexdigest()
        self.log.configure(config["LogSettings"], self.find_dir("logs"), 0o644 if self.release.is_11 else 0o600)

    def _wait_for_database(self) -> None:
        pause = 2 if self.release.is_11 else 10
        pause = int(os.environ.get("STANDIN_DATABASE_PAUSE", pause))
        for attempt in range(_PINGS):
            self.log.info("Pinging SQL", database="master", dataSource=self.database.shown)
            try:
                self.database.ping()
                return
            except NoDatabase as error:
                if attempt == _PINGS - 1 or self.stopping.is_set():
                    raise StartError(
                        f"failed to initialize platform: cannot create store: error setting up connections: {error}"
                    ) from error
                self.log.error(
                    "Failed to ping DB",
                    database="master",
                    dataSource=self.database.shown,
                    **{"retrying in seconds": pause},
                    error=error,
                )
            self.stopping.wait(pause)

    def _announce(self) -> None:
        release = self.release
        if not self.config("ServiceSettings.SiteURL"):
            self.log.error("SiteURL must be set. Some features will operate incorrectly if the SiteURL is not set.")
        self.log.info(
            f"Current version is {release.version} (stand-in)",
            current_version=release.version,
            build_number=release.build_number,
            build_date=release.build_date,
            build_hash=release.build_hash,
            build_hash_enterprise="none",
        )
        title = "Enterprise Build" if release.enterprise_ready else "Team Edition Build"
        self.log.info(title, enterprise_build=release.enterprise_ready)
        self.log.info("Printing current working", directory=os.getcwd())
        self.log.info("Loaded config", source=self.config.source)

    def _check_files(self) -> None:
        try:
            self.files.check()
        except OSError as error:
            self.log.error("Problem with file storage settings", error=str(error))

    def _listen(self) -> None:
        router = Router(self, all_routes(self.release))
        self.log.info("Starting Server...")
        address = self.config("ServiceSettings.ListenAddress")
        try:
            self._serve(TcpServer(address, router.serve, self._tls()))
        except OSError as error:
            raise StartError(f"api.server.start_server.starting.critical: {error}") from error
        self.log.info(f"Server is listening on {address}", address=address)
        if self.config("ServiceSettings.EnableLocalMode"):
            path = self.config("ServiceSettings.LocalModeSocketLocation")
            try:
                self._serve(UnixServer(path, router.serve))
            except OSError as error:
                raise StartError(f"api.server.start_server.starting.critical: {error}") from error
        notify.ready()

    def _serve(self, server: Any) -> None:
        self._servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def _tls(self) -> ssl.SSLContext | None:
        if self.config("ServiceSettings.ConnectionSecurity") != "TLS":
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.config("ServiceSettings.TLSCertFile"), self.config("ServiceSettings.TLSKeyFile"))
        return context
