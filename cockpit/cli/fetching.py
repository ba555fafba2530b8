"""`fetch`: a model from the hub, before a run, a lease or a night waits for it."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from cockpit.cli.common import AsJson, emit, say


def fetch(
    model: Annotated[str, typer.Argument(metavar="[MODEL]", help="A hub id; left out with --preset.")] = "",
    preset: Annotated[str, typer.Option("--preset", help="The model of this preset, at its revision.")] = "",
    revision: Annotated[str, typer.Option("--revision", help="A branch, a tag or a commit; else the newest.")] = "",
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Fetch the repository's Python files too.")
    ] = False,
    json: AsJson = False,
) -> None:
    """A hub model into the local cache: safetensors, tokenizer and settings, at one commit.

    It says first what is missing, a licence to accept or room on the disk. What is there is not fetched again, and a broken download goes
    on where it was. Pin what you fetched with --set model.revision=COMMIT."""
    from cockpit.runs import engine
    from engine.contract.config import EMBEDDED
    from engine.contract.errors import BadInput
    from engine.contract.resolve import resolve

    if bool(model) == bool(preset):
        raise BadInput(
            "name a model or a preset: cockpit fetch google/gemma-3-1b-it, or cockpit fetch --preset gemma-3-1b"
        )
    if preset:
        settings = resolve(preset).model
        model, revision = settings.id, revision or settings.revision
        trust_remote_code = trust_remote_code or settings.trust_remote_code
    if model in EMBEDDED or model.startswith(("random:", ".", "/", "~")):
        raise BadInput(f"{model} is on this machine already; fetch takes a hub id such as google/gemma-3-1b-it")
    arguments = ["fetch", model, *(["--revision", revision] if revision else [])]
    arguments += ["--trust-remote-code"] if trust_remote_code else []
    last: dict[str, Any] = {}
    for last in engine.lines(arguments):
        if last["file"]:
            say(f"{_share(last):>4}  {last['done'] / 1e9:6.2f} of {last['total'] / 1e9:.2f} GB  {last['file']}")
    if json:
        emit(last)
        return
    sys.stdout.write(
        f"{last['model']} is here, commit {last['revision']}, {last['total'] / 1e9:.2f} GB\n  {last['folder']}\n"
    )
    sys.stdout.write(f"  pin it: --set model.revision={last['revision']}\n")


def _share(line: dict[str, Any]) -> str:
    return f"{100 * line['done'] // max(1, line['total'])}%"
