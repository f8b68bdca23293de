# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Log lines in the real server's JSON form, to stdout and to logs/mattermost.log."""

from __future__ import annotations

import json
import os
import sys
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

LEVELS = ("trace", "debug", "info", "warn", "error", "fatal", "panic")


class Logger:
    """Writes a line to each target whose level admits it; before configure() to stdout alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._console = ("info", True)
        self._file: tuple[Path, str, bool, int] | None = None

    def configure(self, settings: dict[str, Any], default_dir: Path, file_mode: int) -> None:
        console = (settings["ConsoleLevel"].lower(), settings["ConsoleJson"])
        file = None
        if settings["EnableFile"]:
            directory = Path(settings["FileLocation"]) if settings["FileLocation"] else default_dir
            file = (directory / "mattermost.log", settings["FileLevel"].lower(), settings["FileJson"], file_mode)
        with self._lock:
            self._console = console if settings["EnableConsole"] else ("panic", True)
            self._file = file

    def __call__(self, level: str, message: str, **fields: Any) -> None:
        frame = sys._getframe(1)
        if frame.f_code.co_filename == sys._getframe().f_code.co_filename:
            frame = frame.f_back or frame
        caller = f"standin/{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
        stamp = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " Z"
        entry: dict[str, Any] = {"timestamp": stamp, "level": level, "msg": message, "caller": caller}
        entry.update({key: value if isinstance(value, (int, bool)) else str(value) for key, value in fields.items()})
        with self._lock:
            self._write(level, entry)

    def info(self, message: str, **fields: Any) -> None:
        self("info", message, **fields)

    def debug(self, message: str, **fields: Any) -> None:
        self("debug", message, **fields)

    def warn(self, message: str, **fields: Any) -> None:
        self("warn", message, **fields)

    def error(self, message: str, **fields: Any) -> None:
        self("error", message, **fields)

    def _write(self, level: str, entry: dict[str, Any]) -> None:
        if _admits(self._console[0], level):
            sys.stdout.write(_line(entry, self._console[1]))
            sys.stdout.flush()
        if self._file is None or not _admits(self._file[1], level):
            return
        path, _level, as_json, mode = self._file
        try:
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, mode)
        except OSError:
            return
        with os.fdopen(handle, "a", encoding="utf-8") as stream:
            stream.write(_line(entry, as_json))


def _admits(threshold: str, level: str) -> bool:
    wanted = LEVELS.index(threshold) if threshold in LEVELS else LEVELS.index("info")
    return LEVELS.index(level) >= wanted


def _line(entry: dict[str, Any], as_json: bool) -> str:
    if as_json:
        return json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n"
    extra = "".join(f" {key}={value}" for key, value in entry.items() if key not in ("timestamp", "level", "msg"))
    return f"{entry['level']} [{entry['timestamp']}] {entry['msg']}{extra}\n"
