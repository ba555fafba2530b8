"""A run on another machine as a person names it, HOST:DIR/RUN, and the ssh command that reaches it.

Nothing in a name becomes an option of ssh or a word of the other machine's shell.
"""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from engine.contract.errors import BadInput
from engine.contract.rundir import check_name

_HOST = re.compile(r"(?:[A-Za-z0-9_][\w.+-]{0,63}@)?(?:[A-Za-z0-9_][\w.-]{0,253}|[0-9A-Fa-f:]+(?:%\w+)?)", re.ASCII)
_SSH = ("ssh", "-T", "-a", "-x", "-C", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ControlMaster=no",
        "-o", "ClearAllForwardings=yes", "-o", "RemoteCommand=none", "-o", "LogLevel=ERROR")  # fmt: skip
_SCRIPT = """\
case $1 in ./*) program=$PWD/$1 ;; *) program=$1 ;; esac
cd "$2" 2>/dev/null || { echo "there is no folder $2" >&2; exit 2; }
shift 2
if [ -z "$program" ]; then program=cockpit; if [ -x .venv/bin/cockpit ]; then program=$PWD/.venv/bin/cockpit; fi; fi
exec "$program" "$@"
"""
"""For the other machine's sh, begun in the login's folder: $1 is the cockpit, '' for the project's own or the one on the PATH; $2 the
project's folder; the rest is the command."""


class Place(NamedTuple):
    """`folder` is the project's and `cockpit` the program there, '' when not named; both count from the login's folder."""

    host: str
    folder: str
    run: str
    cockpit: str = ""

    def __str__(self) -> str:
        return f"{self.host}:{self.folder + '/' if self.folder else ''}{self.run}"

    @property
    def ssh_host(self) -> str:
        """The host as ssh takes it: an IPv6 address stands in brackets only where a colon follows."""
        return self.host.replace("[", "").replace("]", "")

    def command(self, *arguments: str) -> list[str]:
        """argv that runs `cockpit ARGUMENTS` in the project's folder on the other machine."""
        words = ("sh", "-c", _SCRIPT, "cockpit", _from_login(self.cockpit, program=True), _from_login(self.folder))
        return [*_SSH, "--", self.ssh_host, shlex.join([*words, *arguments])]


def parse(text: str, cockpit: str = "") -> Place | None:
    """The place meant by HOST:RUN or HOST:DIR/RUN; None for a run of this machine, whose names hold no colon.

    Raises BadInput for a host, folder or run that is not spelt as one."""
    host, rest = _split(text)
    if not host:
        return None
    if not _HOST.fullmatch(host.replace("[", "").replace("]", "")):
        raise BadInput(f"{host!r} is no host: give a name of your ssh config, or user@host")
    folder, slash, run = rest.rpartition("/")
    folder = folder or ("/" if slash else "")
    for told in (folder, cockpit):
        if not told.isprintable():
            raise BadInput(f"{told!r} cannot be a path on {host}: it holds control characters")
    run = run or "last"
    check_name(run.removeprefix("-"))
    return Place(host, folder, run, cockpit)


def _split(text: str) -> tuple[str, str]:
    """('[::1]', 'care/last') of '[::1]:care/last'; ('', text) without a host."""
    if text.startswith("[") and "]:" in text:
        host, _, rest = text.partition("]:")
        return f"{host}]", rest
    host, colon, rest = text.partition(":")
    if not colon:
        return "", text
    if not host:
        raise BadInput(f"{text!r} names no host before the colon: HOST:RUN, or HOST:DIR/RUN")
    return host, rest


def _from_login(path: str, *, program: bool = False) -> str:
    """A path as the login's own folder begins it; a program without a slash is one of the PATH."""
    if path.startswith("~/"):
        return f"./{path[2:]}"
    if path.startswith("/") or (program and "/" not in path):
        return path
    return f"./{'' if path == '~' else path}"
