# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Rows as the API names their fields, on top of the tables of schema.py."""

from __future__ import annotations

import json
from typing import Any

from server.database import Database, DatabaseError, Row
from server.schema import COLUMNS, KEYS, column_name


class Duplicate(Exception):
    """A unique index refused a row; `index` is its name."""

    def __init__(self, index: str) -> None:
        super().__init__(index)
        self.index = index


class Store:
    """Create, read, update and delete, for any of the tables."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def insert(self, table: str, row: Row) -> Row:
        columns = COLUMNS[table]
        given = {name: row[name] for name in columns if name in row}
        names = ", ".join(column_name(name) for name in given)
        places = ", ".join(f":{name}" for name in given)
        self._run(f"INSERT INTO {table} ({names}) VALUES ({places})", **_ready(table, given))
        return row

    def save(self, table: str, row: Row) -> Row:
        """Insert, or replace the row with the same key."""
        columns = COLUMNS[table]
        given = {name: row[name] for name in columns if name in row}
        names = ", ".join(column_name(name) for name in given)
        places = ", ".join(f":{name}" for name in given)
        key = ", ".join(column_name(name) for name in KEYS[table])
        rest = [column_name(name) for name in given if name not in KEYS[table]]
        change = ", ".join(f"{name} = EXCLUDED.{name}" for name in rest)
        action = f"DO UPDATE SET {change}" if change else "DO NOTHING"
        self._run(
            f"INSERT INTO {table} ({names}) VALUES ({places}) ON CONFLICT ({key}) {action}", **_ready(table, given)
        )
        return row

    def update(self, table: str, row: Row, **changes: Any) -> Row:
        """Change fields of a row that was read before; answers the row as it is now."""
        sets = ", ".join(f"{column_name(name)} = :{name}" for name in changes)
        where = " AND ".join(f"{column_name(name)} = :key_{name}" for name in KEYS[table])
        keys = {f"key_{name}": row[name] for name in KEYS[table]}
        self._run(f"UPDATE {table} SET {sets} WHERE {where}", **_ready(table, changes), **keys)
        return {**row, **changes}

    def get(self, table: str, **where: Any) -> Row | None:
        rows = self.find(table, limit=1, **where)
        return rows[0] if rows else None

    def find(
        self,
        table: str,
        condition: str = "TRUE",
        *,
        order: str = "",
        limit: int = 0,
        offset: int = 0,
        values: dict[str, Any] | None = None,
        **where: Any,
    ) -> list[Row]:
        """Rows with the given field values and an SQL condition of the caller's own (never of a client's)."""
        tests = [f"{column_name(name)} = :{name}" for name in where] + [f"({condition})"]
        sql = f"SELECT * FROM {table} WHERE {' AND '.join(tests)}"
        sql += f" ORDER BY {order}" if order else ""
        sql += f" LIMIT {int(limit)}" if limit else ""
        sql += f" OFFSET {int(offset)}" if offset else ""
        return [_named(table, row) for row in self._run(sql, **where, **(values or {}))]

    def count(self, table: str, condition: str = "TRUE", **where: Any) -> int:
        tests = [f"{column_name(name)} = :{name}" for name in where] + [f"({condition})"]
        sql = f"SELECT COUNT(*) AS n FROM {table} WHERE {' AND '.join(tests)}"
        return int(self._run(sql, **where)[0]["n"])

    def delete(self, table: str, **where: Any) -> None:
        tests = [f"{column_name(name)} = :{name}" for name in where]
        self._run(f"DELETE FROM {table} WHERE {' AND '.join(tests)}", **where)

    def add(self, table: str, row: Row, **amounts: int) -> None:
        """Add to counters, in the database so that two servers agree."""
        sets = ", ".join(f"{column_name(name)} = {column_name(name)} + :{name}" for name in amounts)
        where = " AND ".join(f"{column_name(name)} = :key_{name}" for name in KEYS[table])
        keys = {f"key_{name}": row[name] for name in KEYS[table]}
        self._run(f"UPDATE {table} SET {sets} WHERE {where}", **amounts, **keys)

    def system(self, name: str) -> str:
        row = self.get("systems", name=name)
        return row["value"] if row else ""

    def set_system(self, name: str, value: str) -> None:
        self.save("systems", {"name": name, "value": value})

    def _run(self, sql: str, **values: Any) -> list[Row]:
        try:
            return self.database.run(sql, **values)
        except DatabaseError as error:
            detail = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
            if detail.get("C") == "23505":
                raise Duplicate(detail.get("n", "")) from error
            raise


def _ready(table: str, row: Row) -> Row:
    kinds = COLUMNS[table]
    return {name: json.dumps(value) if kinds.get(name) == "json" else value for name, value in row.items()}


def _named(table: str, row: Row) -> Row:
    return {name: row[column_name(name)] for name in COLUMNS[table] if column_name(name) in row}
