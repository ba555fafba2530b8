"""The engine, in JSON lines:

python -m engine run DIR | inspect CONFIG | splits CONFIG | ladder CONFIG | talk|probe|ablate|export DIR | fetch MODEL | doctor
"""

from __future__ import annotations

import logging
import os
import sys
import warnings

from engine.contract.errors import CockpitError, Exit
from engine.contract.redact import redact, secret_values

_COMMANDS = ("run", "inspect", "splits", "ladder", "talk", "probe", "ablate", "export", "fetch", "doctor")


def main(argv: list[str]) -> int:
    """Run a command; an expected error is one line on stderr and its exit code."""
    if not argv or argv[0] not in _COMMANDS:
        print(f"usage: python -m engine {'|'.join(_COMMANDS)} ...", file=sys.stderr)
        return Exit.BAD_INPUT
    _quiet()
    if argv[0] != "fetch":
        # a model comes with `fetch`, not in the middle of a run that holds a GPU; the hub library's retries take a minute offline
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    if os.environ.get("COCKPIT_TYPECHECK") == "1":
        from engine.typecheck import check_engine

        check_engine()
    try:
        return _dispatch(argv[0], argv[1:])
    except CockpitError as error:
        print(redact(str(error), secret_values(os.environ)), file=sys.stderr)
        return error.exit
    except BrokenPipeError:
        return Exit.FAILED


def _dispatch(command: str, rest: list[str]) -> int:
    if command == "run":
        from engine.worker import run

        return run(rest)
    if command == "inspect":
        from engine.queries import inspect

        return inspect(rest)
    if command == "splits":
        from engine.queries import splits

        return splits(rest)
    if command == "ladder":
        from engine.queries import ladder

        return ladder(rest)
    if command == "probe":
        from engine.probe.command import probe

        return probe(rest)
    if command == "export":
        from engine.export.command import export

        return export(rest)
    if command == "fetch":
        from engine.fetch import fetch

        return fetch(rest)
    if command == "doctor":
        from engine.doctor import doctor

        return doctor(rest)
    if command == "ablate":
        from engine.ablation import ablate

        return ablate(rest)
    from engine.queries import talk

    return talk(rest)


def _quiet() -> None:
    """Libraries report through their own logs, not on our streams; nothing phones out."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
