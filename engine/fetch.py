"""`python -m engine fetch MODEL [--revision R]`: a hub model into the local cache, before any run or lease waits for it.

Loads no torch. What is there already is not fetched again, and a file that broke off goes on where it was: huggingface_hub sees to both."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import msgspec

from engine.contract.errors import BadInput, CockpitError, Refused

WANTED = ("*.safetensors", "*.json", "*.model", "*.jinja", "*.txt")
"""Weights, tokenizer and settings; nothing that is unpickled and nothing that runs."""
CODE = ("*.py",)
"""What a model whose code is trusted needs besides."""
LEFT = ("*/*", "consolidated*", "adapter_*")
"""Copies of the weights in other forms, which models carry along."""
SPARE = 2**30
"""Bytes left free on the disk beside the model."""


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """One line of progress: a file is here, with `done` of `total` bytes. The last one names the folder, and no file."""

    model: str
    revision: str  # the commit, whatever was asked for
    file: str
    done: int  # bytes
    total: int  # bytes
    folder: str = ""


def fetch(argv: list[str]) -> int:
    """Fetch, in JSON lines of Fetched."""
    parser = argparse.ArgumentParser(prog="python -m engine fetch")
    parser.add_argument("model")
    parser.add_argument("--revision", default="")
    parser.add_argument("--trust-remote-code", action="store_true")
    args = parser.parse_args(argv)
    for line in download(args.model, args.revision, code=args.trust_remote_code):
        sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
        sys.stdout.buffer.flush()
    return 0


def download(model: str, revision: str = "", *, code: bool = False) -> Iterator[Fetched]:
    """Fetch a model file by file, the small ones first. Raises Refused for a gated model, BadInput for a name or revision that the hub
    does not know and for a disk that is too small, CockpitError when the hub cannot be reached."""
    from huggingface_hub import HfApi, constants, hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    page = f"{constants.ENDPOINT}/{model}"
    named = f"{model} at {revision}" if revision else model
    try:
        info = HfApi().model_info(model, revision=revision or None, files_metadata=True)
        commit = str(info.sha)
        files = sorted((s.size or 0, s.rfilename) for s in info.siblings or [] if wanted(s.rfilename, code=code))
        if not any(name.endswith(".safetensors") for _, name in files):
            raise BadInput(
                f"{model} has no safetensors weights, and nothing else is loaded here; take a revision that has"
            )
        here = {n for _, n in files if isinstance(try_to_load_from_cache(model, n, revision=commit), str)}
        total = sum(size for size, _ in files)
        done = sum(size for size, name in files if name in here)
        _room(Path(constants.HF_HUB_CACHE), total - done, model)
        folder = ""
        for size, name in files:
            folder = str(Path(hf_hub_download(model, name, revision=commit)).parent)
            done += 0 if name in here else size
            yield Fetched(model=model, revision=commit, file=name, done=done, total=total)
        yield Fetched(model=model, revision=commit, file="", done=total, total=total, folder=folder)
    except GatedRepoError:
        raise Refused(
            f"{model} is gated: accept its licence at {page}, then set HF_TOKEN to a token of that account (or: hf auth login)"
        ) from None
    except RevisionNotFoundError:
        raise BadInput(f"{model} has no revision {revision}; name a branch, a tag or a commit of {page}") from None
    except (RepositoryNotFoundError, HFValidationError):
        raise BadInput(f"the hub knows no model {model}; a private one needs HF_TOKEN (or: hf auth login)") from None
    except OfflineModeIsEnabled:
        raise CockpitError(
            f"{named} cannot be fetched: HF_HUB_OFFLINE is set; unset it, or name a local folder"
        ) from None
    except CockpitError:
        raise
    except Exception as error:  # the hub's library raises what its HTTP client of the day raises
        reason = str(error).strip().partition("\n")[0][:200] or type(error).__name__
        raise CockpitError(f"{named} was not fetched whole: {reason}; the same command goes on where it was") from None


def wanted(name: str, *, code: bool) -> bool:
    """Whether a file of a model's repository is one that loading reads."""
    patterns = WANTED + CODE if code else WANTED
    return any(fnmatch(name, p) for p in patterns) and not any(fnmatch(name, p) for p in LEFT)


def _room(cache: Path, needed: int, model: str) -> None:
    """Raises BadInput when the cache's disk has not the room."""
    existing = next(p for p in (cache, *cache.parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if needed and needed + SPARE > free:
        raise BadInput(
            f"{model} needs {needed / 1e9:.1f} GB more and {existing} has {free / 1e9:.1f} GB free; "
            "make room, or set HF_HOME to a folder on a larger disk"
        )
