"""The identity of the splits a run will be measured on: asked of the engine once for a trait, the vignettes and this code, then from the
user's cache."""

from __future__ import annotations

import subprocess

import msgspec
import platformdirs

from cockpit.runs import engine
from engine.contract.config import Config
from engine.contract.files import write_atomic
from engine.contract.hashes import canonical, code_hash, sha256
from engine.contract.prior import Split
from engine.contract.traits import load_trait


def splits(config: Config) -> dict[str, Split]:
    """Val and test of the config's trait. Raises BadInput with the engine's line."""
    named = [config.evaluate.vignettes_file, config.evaluate.vignettes_hash, config.evaluate.thinking_tokens > 0]
    name = sha256(canonical([load_trait(config.trait.name).hash, named, code_hash()]))
    path = platformdirs.user_cache_path("cockpit") / "splits" / f"{name}.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Split])
    except OSError:
        pass
    except msgspec.DecodeError:
        path.unlink(missing_ok=True)
    with engine.config_file(config) as file:
        argv = engine.command("splits", str(file))
        done = subprocess.run(argv, capture_output=True, text=True, env=engine.environment(), stdin=subprocess.DEVNULL)
    if done.returncode:
        raise engine.failure(done.returncode, done.stderr, "the splits of the trait could not be read")
    found = msgspec.json.decode(done.stdout.strip().splitlines()[-1], type=dict[str, Split])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, msgspec.json.encode(found))
    except OSError:
        pass  # a cache that cannot be written costs a moment, nothing else
    return found
