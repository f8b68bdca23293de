# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The page a person sees who opens the depot in a browser."""

from __future__ import annotations

from html import escape
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from .lock import human

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882 }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2.5rem auto; padding: 0 1.25rem }
h1 { font-size: 1.6rem; margin-bottom: .25rem } h2 { font-size: 1.15rem; margin-top: 2.25rem }
p.lead { margin-top: 0; opacity: .75 } a { color: inherit }
table { border-collapse: collapse; width: 100%; font-size: .95rem } th { text-align: left; font-weight: 600 }
th, td { padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
code, pre { font: .85rem/1.45 ui-monospace, monospace; overflow-wrap: anywhere }
pre { background: var(--soft); padding: .9rem 1rem; border-radius: .4rem; overflow-x: auto }
"""


# What people call the sections that publishers write into the manifest. One that is not here is called by its key.
_TITLES = {
    "repositories": "Package repositories",
    "images": "Container images",
    "charts": "Helm charts",
    "wheels": "Python packages",
    "collections": "Ansible collections",
    "files": "Files",
}
# Heading, and the keys of a row it is taken from; the first that is there counts. A # in front stands for a number.
_COLUMNS = (
    ("Version", ("version", "tag")),
    ("For", ("for", "release", "platform")),
    ("Architecture", ("architecture",)),
    ("#Packages", ("packages",)),
    ("#Size", ("size", "bytes")),
    ("Since", ("since",)),
    ("SHA-256", ("sha256", "digest")),
)


def render_page(title: str, document: Dict[str, Any], waiting: Sequence[Dict[str, Any]] = ()) -> str:
    """Self-contained: no script, no font, nothing that would have to be fetched."""
    tables = [_section(_TITLES.get(name, _spoken(name)), *_table(rows)) for name, rows in sections(document).items()]
    published = f"Generation {document['generation']}, published {document['published']}."
    if "restores" in document:
        published += f" Rolled back: it has the content of generation {document['restores']}."
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n<h1>{escape(title)}</h1>\n"
        f'<p class="lead">{escape(published)} Everything here came on verified media.</p>\n'
        f"{_waiting(waiting)}{_bundles(document)}{''.join(tables)}{_proofs(document)}{_trust(document)}</html>\n"
    )


def sections(document: Mapping[str, Any]) -> Dict[str, List[Dict[str, Any]]]:
    """What the publishers told, by section in the order of the page: every list of rows that have a name."""
    found = {
        name: rows
        for name, rows in document.items()
        if isinstance(rows, list) and rows and all(isinstance(row, dict) and "name" in row for row in rows)
    }
    order = list(_TITLES)
    return dict(sorted(found.items(), key=lambda pair: (order.index(pair[0]) if pair[0] in order else -1, pair[0])))


def _bundles(document: Dict[str, Any]) -> str:
    rows = [
        [
            _link(f"bundles/{name}/", name),
            *(_text(facts.get(key, "")) for key in ("version", "created", "expires", "since")),
            _code(", ".join(facts["signers"])),
        ]
        for name, facts in sorted(document["bundles"].items())
    ]
    return _section("Bundles", ["Name", "Version", "Made", "Expires", "Here since", "Signed by"], rows)


def _waiting(waiting: Sequence[Dict[str, Any]]) -> str:
    """What is missing: bundles that came in part, which change nothing before the rest is here."""
    rows = [
        [
            *(_text(row[key]) for key in ("name", "version")),
            _text(", ".join(row["missing_volumes"])),
            _number(row["missing_objects"]),
            _number(human(row["missing_bytes"])),
        ]
        for row in waiting
    ]
    return _section("Not complete yet", ["Bundle", "Version", "Missing volumes", "#Objects", "#Size"], rows)


def _proofs(document: Dict[str, Any]) -> str:
    rows = [
        [_text(row["repository"]), _text("proven" if row["proven"] else "not proven"), _text(row["told"])]
        for row in document.get("proofs", [])
    ]
    return _section("Proof before publication", ["Repository", "Result", "By"], rows)


def _table(rows: List[Dict[str, Any]]) -> Tuple[List[str], List[List[str]]]:
    """The columns that any of the rows fills."""
    columns = [(head, keys) for head, keys in _COLUMNS if any(row.get(key) for row in rows for key in keys)]
    cells = [[_name(row), *(_cell(head, row, keys) for head, keys in columns)] for row in rows]
    return ["Name", *(head for head, _keys in columns)], cells


def _name(row: Dict[str, Any]) -> str:
    """A link to what it is, where it lies below the depot's URL; a directory ends in a slash."""
    if not row.get("path"):
        return _text(row["name"])
    return _link(row["path"] if "size" in row else f"{row['path']}/", row["name"])


def _cell(head: str, row: Dict[str, Any], keys: Sequence[str]) -> str:
    value = next((row[key] for key in keys if row.get(key)), "")
    if isinstance(value, (list, tuple)):
        value = ", ".join(str(part) for part in value)
    if head == "#Size":
        return _number(human(float(value)) if value else "")
    if head == "SHA-256":
        return _code(str(value))
    return _number(value) if head.startswith("#") else _text(value)


def _spoken(name: str) -> str:
    return escape(name.replace("_", " ").capitalize())


def _trust(document: Dict[str, Any]) -> str:
    return (
        "<h2>Trust</h2>\n<p>Repositories and checksums are signed by the key of this depot, "
        f'<a href="depot-key.asc">depot-key.asc</a>, fingerprint {_code_text(document["key"])}. The checksums of all files are in '
        '<a href="SHA256SUMS">SHA256SUMS</a> with the signature <a href="SHA256SUMS.asc">SHA256SUMS.asc</a>; '
        'the documents each bundle was signed with are under <a href="bundles/">bundles</a>.</p>\n'
    )


def _section(title: str, heads: Sequence[str], rows: List[List[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f'<th class="number">{name[1:]}</th>' if name[0] == "#" else f"<th>{name}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(row)}</tr>\n" for row in rows)
    return f"<h2>{title}</h2>\n<table>\n<tr>{head}</tr>\n{body}</table>\n"


def _text(value: object) -> str:
    return f"<td>{escape(str(value))}</td>"


def _number(value: object) -> str:
    return f'<td class="number">{escape(str(value))}</td>'


def _code(value: str) -> str:
    return f"<td>{_code_text(value)}</td>"


def _code_text(value: str) -> str:
    return f"<code>{escape(value)}</code>"


def _link(target: str, value: str) -> str:
    return f'<td><a href="{escape(target)}">{escape(value)}</a></td>'
