# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of an assessment as one page of HTML that needs nothing else: no network, no other file.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

from html import escape
from typing import List, Tuple

from ._checks_base import ERROR, FAIL, NOT_APPLICABLE, PASS
from ._report import COMPONENTS, WORDS, Report, Row, merged

# Never colour alone: each verdict has its word and its sign.
_SIGNS = {PASS: "\u2713", FAIL: "\u2717", ERROR: "!", NOT_APPLICABLE: "\u2013"}
_URGENCY = {"high": 0, "medium": 1, "low": 2}

_STYLE = """
:root { color-scheme: light dark; --page: #f4f5f7; --card: #fff; --text: #1b2430; --soft: #5a6675; --line: #dde2e8;
  --pass: #136c37; --pass-soft: #e2f3e8; --fail: #a8121f; --fail-soft: #fbe5e6; --error: #7a4a00; --error-soft: #fdeecf;
  --not_applicable: #4c5866; --not_applicable-soft: #e9ecf0; --accent: #1c58d9; }
@media (prefers-color-scheme: dark) { :root { --page: #12171e; --card: #1a212b; --text: #e6eaf0; --soft: #9aa7b8; --line: #2d3744;
  --pass: #6cd394; --pass-soft: #15351f; --fail: #ff9096; --fail-soft: #461a1e; --error: #f5bf5c; --error-soft: #40300f;
  --not_applicable: #a9b5c4; --not_applicable-soft: #28323e; --accent: #8db4ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: .94rem/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main, header > div { max-width: 76rem; margin: 0 auto; padding: 0 1.5rem; }
header { background: var(--card); border-bottom: 1px solid var(--line); padding: 2rem 0 1.5rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .25rem; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; margin: 2.25rem 0 .75rem; }
h2 small { color: var(--soft); font-weight: 400; font-size: .9rem; margin-left: .5rem; }
.lead { color: var(--soft); margin: 0; }
.outcome .badge { font-size: 1rem; padding: .15rem .9rem; }
.outcome { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem; margin: 1.25rem 0 .75rem; font-size: 1.05rem; }
.bar { display: flex; height: .6rem; border-radius: .3rem; overflow: hidden; gap: 2px; margin-bottom: 1rem; }
.bar span { min-width: 4px; background: var(--tone); }
.pass { --tone: var(--pass); --tint: var(--pass-soft); } .fail { --tone: var(--fail); --tint: var(--fail-soft); }
.error { --tone: var(--error); --tint: var(--error-soft); }
.not_applicable { --tone: var(--not_applicable); --tint: var(--not_applicable-soft); }
.badge { display: inline-block; white-space: nowrap; border-radius: 1rem; padding: .1rem .65rem; font-size: .8rem; font-weight: 600;
  color: var(--tone); background: var(--tint); }
nav { display: flex; flex-wrap: wrap; gap: .6rem; }
nav button { font: inherit; color: inherit; text-align: left; cursor: pointer; background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; padding: .5rem 1rem; min-width: 8rem; }
nav button b { display: block; font-size: 1.5rem; line-height: 1.2; color: var(--tone, var(--text)); font-variant-numeric: tabular-nums; }
nav button[aria-pressed=true] { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
nav button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.hosts { display: flex; flex-wrap: wrap; gap: .4rem 1.5rem; list-style: none; padding: 0; margin: 1.1rem 0 0; color: var(--soft); font-size: .9rem; }
.hosts b { color: var(--text); }
.mend { display: grid; gap: .75rem; padding: 0; margin: 0; list-style: none; }
.mend li { background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--tone); border-radius: .6rem; padding: .9rem 1.1rem; }
.mend h3 { font-size: 1rem; font-weight: 400; margin: 0; display: flex; gap: .6rem; align-items: baseline; } .mend h3 code { font-weight: 600; }
.mend p { margin: 0 0 .5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th { text-align: left; font-size: .78rem; color: var(--soft); font-weight: 600; padding: .6rem .9rem; border-bottom: 1px solid var(--line); }
td { vertical-align: top; padding: .6rem .9rem; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
tbody tr:first-child td { border-top: 0; }
td code { font-weight: 600; } td code + span { display: block; }
td:nth-child(1) { width: 9rem; } td:nth-child(2) { width: 40%; } td:nth-child(3) { width: 9rem; }
.id { color: var(--soft); font-size: .8rem; white-space: nowrap; margin-right: .4rem; font-variant-numeric: tabular-nums; }
.note { display: block; color: var(--soft); font-size: .82rem; }
.found { display: block; } .mended { display: block; margin-top: .35rem; color: var(--tone); }
code { font: .92em ui-monospace, "DejaVu Sans Mono", monospace; }
footer { color: var(--soft); font-size: .85rem; padding: 2rem 0 3rem; }
[hidden] { display: none !important; }
@media (max-width: 46rem) { td:nth-child(1), td:nth-child(2), td:nth-child(3) { width: auto; } dl { grid-template-columns: 1fr; } }
@media print { :root { color-scheme: light; --page: #fff; } html { font-size: 11px; } nav { display: none; } header { padding: 0 0 1rem; }
  .scroll { overflow: visible; } tr, .mend li { break-inside: avoid; } h2 { break-after: avoid; }
  .badge { border: 1px solid currentColor; } main, header > div { max-width: none; padding: 0; } }
"""

_SCRIPT = """
const buttons = document.querySelectorAll('nav button');
buttons.forEach(button => button.addEventListener('click', () => {
  const wanted = button.dataset.verdict;
  buttons.forEach(other => other.setAttribute('aria-pressed', other === button));
  document.querySelectorAll('[data-of]').forEach(row => { row.hidden = wanted !== 'all' && row.dataset.of !== wanted; });
  document.querySelectorAll('section').forEach(part => { part.hidden = !part.querySelector('[data-of]:not([hidden])'); });
}));
"""


def _badge(verdict: str) -> str:
    return f'<span class="badge {verdict}"><span aria-hidden="true">{_SIGNS[verdict]} </span>{WORDS[verdict]}</span>'


def _name(row: Row) -> str:
    """The control's number and title; of a setting, its key in the type of code, and in plain type why it matters."""
    group, _colon, key = row.id.partition(":")
    title = f"<b>{escape(row.title)}</b>"
    if key and row.title.startswith(key):
        title = f"<code>{escape(key)}</code> <span>{escape(row.title[len(key) :].lstrip(': '))}</span>"
    return f'<span class="id">{escape(group)}</span> {title}'


def _asked_by(row: Row) -> str:
    """The reference, for a reader who does not have the data before him."""
    kind, _colon, text = row.reference.partition(": ")
    words = {"page": "Architecture page, ", "server behaviour": "Server behaviour: "}
    return words[kind] + text if kind in words else row.reference


def _informs(row: Row) -> str:
    return " For information: it decides nothing." if row.informs else ""


def _card(row: Row, hosts: List[str]) -> str:
    facts = (
        ("Asked for by", _asked_by(row)),
        ("Expected", row.expected),
        ("Found", row.found),
        ("To mend it", row.remedy),
        ("Seen", "; ".join(row.evidence)),
    )
    items = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts if value)
    about = f'<p class="note">{escape(", ".join(hosts))}; severity {escape(row.severity)}</p>'
    return f'<li class="{row.verdict}" data-of="{row.verdict}"><h3>{_badge(row.verdict)}<span class="name">{_name(row)}</span></h3>{about}<dl>{items}</dl></li>'


def _line(row: Row, hosts: List[str]) -> str:
    note = f'<span class="note">{escape(_asked_by(row))}.{_informs(row)}</span>'
    expected = (
        f'<span class="note">Expected: {escape(row.expected)}</span>'
        if row.expected not in ("", row.found, row.title)
        else ""
    )
    evidence = f'<span class="note">{escape("; ".join(row.evidence))}</span>' if row.evidence else ""
    remedy = f'<span class="mended">To mend it: {escape(row.remedy)}</span>' if row.verdict in (FAIL, ERROR) else ""
    return (
        f'<tr class="{row.verdict}" data-of="{row.verdict}"><td>{_badge(row.verdict)}</td><td>{_name(row)}{note}</td>'
        f'<td>{escape(", ".join(hosts))}</td><td><span class="found">{escape(row.found)}</span>{expected}{evidence}{remedy}</td></tr>'
    )


def _component(report: Report, component: str) -> str:
    rows = [row for row in report.rows if row.component == component]
    good, counted = sum(row.verdict == PASS for row in rows), sum(row.verdict != NOT_APPLICABLE for row in rows)
    title = escape(COMPONENTS.get(component, component))
    lines = "\n".join(_line(row, hosts) for row, hosts in merged(rows))
    return (
        f"<section><h2>{title}<small>{good} of {counted} pass</small></h2>\n"
        '<div class="scroll"><table><thead><tr><th scope="col">Verdict</th><th scope="col">Control</th><th scope="col">Host</th>'
        f'<th scope="col">Found</th></tr></thead>\n<tbody>\n{lines}\n</tbody></table></div></section>'
    )


def _head(report: Report, verdicts: Tuple[str, ...]) -> str:
    counts = report.counts()
    open_ones = len(report.deciding(verdicts))
    outcome = _badge(FAIL if open_ones else PASS)
    words = (
        f"{open_ones} of {len(report.rows)} checks need attention"
        if open_ones
        else f"None of {len(report.rows)} checks needs attention"
    )
    known = sum(counts[verdict] for verdict in verdicts) - open_ones
    words += f"; {known} more {'is' if known == 1 else 'are'} only to be known" if known else ""
    share = "".join(
        f'<span class="{verdict}" style="flex-grow:{count}"></span>' for verdict, count in counts.items() if count
    )
    buttons = (
        f'<button type="button" data-verdict="all" aria-pressed="true"><b>{len(report.rows)}</b>All checks</button>'
        + "".join(
            f'<button type="button" class="{verdict}" data-verdict="{verdict}" aria-pressed="false"><b>{count}</b>{WORDS[verdict]}</button>'
            for verdict, count in counts.items()
        )
    )
    hosts = "".join(
        f"<li><b>{escape(name)}</b> {escape(', '.join(COMPONENTS.get(part, part).lower() for part in parts))}</li>"
        for name, parts in report.hosts.items()
    )
    when = f", {escape(report.time)}" if report.time else ""
    return (
        f'<header><div><h1>{escape(report.title)}</h1><p class="lead">Scenario {escape(report.scenario)}{when}</p>'
        f'<p class="outcome">{outcome}<b>{words}</b></p><div class="bar" aria-hidden="true">{share}</div>'
        f'<nav aria-label="Show by verdict">{buttons}</nav><ul class="hosts">{hosts}</ul></div></header>'
    )


def as_html(report: Report, verdicts: Tuple[str, ...] = (FAIL, ERROR)) -> str:
    """For people; verdicts are those that need attention."""
    attention = merged(sorted(report.deciding(verdicts), key=lambda row: _URGENCY.get(row.severity, 0)))
    cards = "\n".join(_card(row, hosts) for row, hosts in attention)
    mend = f'<section><h2>To mend</h2><ul class="mend">\n{cards}\n</ul></section>' if cards else ""
    parts = "\n".join(_component(report, component) for component in report.components())
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(report.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{_head(report, verdicts)}\n"
        f"<main>\n{mend}\n{parts}\n<footer>Written by fieldops.mattermost. The same results are in report.json and report.xml.</footer>\n"
        f"</main>\n<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )
