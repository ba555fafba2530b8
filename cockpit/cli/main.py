"""The command line. What a command needs is imported when it runs, so that `cockpit --version` and `--help` stay quick."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any


def main() -> None:
    """Console script: run a command; every failure is one line on stderr and the exit code of its kind."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from cockpit.cli.version import version

        print(f"cockpit {version()}")
        sys.exit(0)
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    from engine.contract.errors import CockpitError

    try:
        code = application()(arguments, standalone_mode=False, prog_name="cockpit")
        sys.stdout.flush()
        return int(code or 0)
    except CockpitError as error:
        _complain(str(error))
        return int(error.exit)
    except BrokenPipeError:
        _silence_stdout()
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _complain(f"{where}{error.strerror or error}")
        _silence_stdout()
        return 1
    except Exception as error:
        message = getattr(error, "format_message", None)  # typer's usage errors; their class moved between versions
        if message is None:
            raise
        _complain(f"{' '.join(message().split())} (cockpit --help)")
        return int(getattr(error, "exit_code", 2))


def _complain(text: str) -> None:
    """An error on stderr, which may end up in a log: without the secrets of the environment and what looks like one."""
    from engine.contract.redact import redact, secret_values

    print(redact(text, secret_values(os.environ)), file=sys.stderr)


def _silence_stdout() -> None:
    """What cannot be written any more is dropped, so that the interpreter does not complain of it at its exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def application() -> Any:
    """The typer application with every command."""
    import typer

    from cockpit.cli import (
        bookkeeping,
        campaigning,
        checklist,
        claims,
        diagnosing,
        doctoring,
        elsewhere,
        exporting,
        fetching,
        forking,
        home,
        launching,
        notebook,
        notifying,
        probing,
        queueing,
        rating,
        reporting,
        resuming,
        running,
        trying,
        watching,
    )
    from cockpit.cli.short_names import take_short_names

    app = typer.Typer(
        name="cockpit",
        help="Steer a model, distil the steer into a LoRA, heal it, and loop, honestly.",
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(home.home)
    commands: Sequence[tuple[str, Callable[..., Any]]] = (
        ("launch", launching.launch),
        ("fast-dev-run", launching.fast_dev_run),
        ("attach", watching.attach),
        ("runs", watching.runs),
        ("show", watching.show),
        ("tail", watching.tail),
        ("control", watching.control),
        ("resume", resuming.resume),
        ("fork", forking.fork),
        ("diagnose", diagnosing.diagnose),
        ("doctor", doctoring.doctor),
        ("fetch", fetching.fetch),
        ("ladder", trying.ladder),
        ("talk", trying.talk),
        ("probe", probing.probe),
        ("rate", rating.rate),
        ("export", exporting.export),
        ("report", reporting.report),
        ("tensorboard", exporting.tensorboard),
        ("notify", notifying.notify),
    )
    for name, command in commands:
        app.command(name)(command)
    app.command("relay", hidden=True)(elsewhere.relay)
    app.command("run", context_settings=running.CONTEXT)(running.run)
    for name, group, about in (
        ("preflight", checklist.COMMANDS, "The checklist that stands before every run."),
        ("journal", notebook.COMMANDS | bookkeeping.COMMANDS, "Read the research journal."),
        ("claim", claims.COMMANDS, "Questions sealed before their runs, and what the runs carry."),
    ):
        sub = typer.Typer(help=about, no_args_is_help=True)
        for member, function in group.items():
            sub.command(member, context_settings=notebook.MINUS if member == "search" else None)(function)
        app.add_typer(sub, name=name)
    app.add_typer(queueing.group(), name="queue")
    app.add_typer(campaigning.group(), name="campaign")
    take_short_names(app)
    return app


if __name__ == "__main__":
    main()
