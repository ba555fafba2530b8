"""The page around the sections: one file, nothing fetched, no script but its own, light and dark by the reader's setting, fit to print."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from importlib import resources

from cockpit.report.page.parts import words
from cockpit.theme import PALETTES

_SECTION = re.compile(r'<section id="([a-z]+)"[^>]*><h2>(.*?)</h2>')


def page(title: str, head: str, sections: Sequence[str], footer: str) -> str:
    """The whole file. `title` is plain words, `head` the HTML under the title, `footer` plain words.

    The browser is told to run this page's own script by its hash and nothing else, and to fetch nothing."""
    style, script = _style(), _file("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    body = "\n".join(part for part in sections if part)
    links = " ".join(f'<a href="#{anchor}">{name}</a>' for anchor, name in _SECTION.findall(body))
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>{words(title)}</title>",
            f"<style>{style}</style></head><body>",
            f"<header>{head}<nav>{links}</nav></header>",
            f"<main>{body}</main>",
            f"<footer><p>{words(footer)}</p></footer>",
            f"<script>{script}</script></body></html>",
            "",
        ]
    )


def _style() -> str:
    """The palette's roles as variables, the classes of figures, and the sheet."""
    light, dark = (_variables(PALETTES[name]) for name in ("cockpit-light", "cockpit-dark"))
    inks = "".join(
        f".f-{role}{{fill:var(--{role})}}.s-{role}{{stroke:var(--{role})}}" for role in PALETTES["cockpit-light"]
    )
    rooms = f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}@media print{{:root{{{light}}}}}"
    return rooms + inks + _file("page.css")


def _variables(colours: dict[str, str]) -> str:
    return ";".join(f"--{role}:{colour}" for role, colour in colours.items())


def _file(name: str) -> str:
    return (resources.files("cockpit.report.page") / name).read_text("utf-8").strip()
