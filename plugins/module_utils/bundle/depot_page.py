# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The page a person sees who opens the depot in a browser."""

from __future__ import annotations

from html import escape
from typing import Any, Dict, List, Sequence

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


def render_page(title: str, document: Dict[str, Any]) -> str:
    """Self-contained: no script, no font, nothing that would have to be fetched."""
    bundles = [
        [
            _text(name),
            _text(facts["version"]),
            _text(facts["created"]),
            _text(facts["expires"]),
            _code(", ".join(facts["signers"])),
        ]
        for name, facts in sorted(document["bundles"].items())
    ]
    repositories = [
        [
            _link(f"{row['path']}/", row["name"]),
            _text(f"{row['release']} {row['architecture']}"),
            _number(row["packages"]),
            _number(human(row["bytes"])),
        ]
        for row in document["repositories"]
    ]
    files = [
        [_link(row["path"], row["name"]), _text(row["version"]), _number(human(row["size"])), _code(row["sha256"])]
        for row in document["files"]
    ]
    sections = [
        _section("Bundles", ["Name", "Version", "Made", "Expires", "Signed by"], bundles),
        _section("Package repositories", ["Repository", "For", "#Packages", "#Size"], repositories),
        _section("Files", ["File", "Version", "#Size", "SHA-256"], files),
    ]
    published = f"Generation {document['generation']}, published {document['published']}."
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n<h1>{escape(title)}</h1>\n"
        f'<p class="lead">{escape(published)} Everything here came on verified media.</p>\n'
        f"{''.join(sections)}{_trust(document)}</html>\n"
    )


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
