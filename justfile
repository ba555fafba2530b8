# The cockpit's recipes. Each first makes sure of its environment: the active virtual environment, or else .venv, built here.

set positional-arguments
set shell := ["bash", "-euo", "pipefail", "-c"]

root := justfile_directory()
venv := if env("VIRTUAL_ENV", "") == "" { root / ".venv" } else { env("VIRTUAL_ENV") }
python := venv / "bin" / "python"

# Bytecode is most of the screen's start-up time, so a shell that switches it off is overruled.
export PYTHONDONTWRITEBYTECODE := ""

[private]
menu:
    @"{{ just_executable() }}" --justfile "{{ justfile() }}" --list --unsorted

# The whole loop on the embedded model, scale reduced: the gate before any real run
[group('run')]
[no-exit-message]
fast-dev-run *ARGS: _environment
    @"{{ venv }}/bin/cockpit" fast-dev-run "$@"

# The whole loop on gemma-3-1b-it; refuses where there is no CUDA device
[group('run')]
[no-exit-message]
run *ARGS: _environment
    @"{{ venv }}/bin/cockpit" launch --preset gemma-3-1b "$@"

# Any cockpit command: `just cockpit runs`; with none, the app
[group('run')]
[no-exit-message]
cockpit *ARGS: _environment
    @"{{ venv }}/bin/cockpit" "$@"

# Every check, then every quick test; arguments go to pytest
[group('test')]
[no-exit-message]
test *ARGS: _environment _lint
    @"{{ python }}" -m pytest -n 2 --dist loadscope "$@"

# The same with the slow ones: whole loops, kills and resumes, every family of model
[group('test')]
[no-exit-message]
test-all *ARGS: _environment _lint
    @"{{ python }}" -m pytest -n 2 --dist loadscope -m "not e2e and not bench" "$@"

# Lint, format, types, who may import whom, what may load torch
[group('test')]
[no-exit-message]
check: _environment _lint
    @"{{ python }}" -m pytest -q tests/test_hygiene.py

# The cockpit from outside: terminals, ssh, browser
[group('test')]
[no-exit-message]
e2e *ARGS: _environment
    @"{{ python }}" -m pytest -m e2e "$@"

# Seconds, memory and ratios, printed
[group('test')]
[no-exit-message]
bench *ARGS: _environment
    @"{{ python }}" -m pytest -m bench --capture=no "$@"

# The engine beside TRL, repeng and Hugging Face generate, in environments of their own; arguments go to tests/bench/peers/run.py
[group('test')]
[no-exit-message]
bench-peers *ARGS: _environment
    @"{{ python }}" -m tests.bench.peers.run "$@"

# gemma-3-4b's shape with random weights: measured on a CUDA device, else counted; arguments go to tests/bench/gpu.py
[group('test')]
[no-exit-message]
bench-gpu *ARGS: _environment
    @"{{ python }}" -m tests.bench.gpu "$@"

# Real runs with known faults and what diagnosis makes of each, then 50 kills; arguments go to tests/faultlab/run.py
[group('test')]
[no-exit-message]
fault-lab *ARGS: _environment
    @"{{ python }}" -m tests.faultlab.run "$@"

# Put the sources in the house format
[group('upkeep')]
format: _environment
    @"{{ python }}" -m ruff check --quiet --fix-only .
    @"{{ python }}" -m ruff format .

# Retrain the embedded model
[group('upkeep')]
[no-exit-message]
nano *ARGS: _environment
    @"{{ python }}" -m engine.nano.train "$@"

# Redraw the README's pictures from the example project
[group('upkeep')]
pictures: _environment
    @"{{ python }}" examples/pictures.py

[no-exit-message]
_lint: _environment
    @"{{ python }}" -m ruff check --quiet .
    @"{{ python }}" -m ruff format --quiet --diff .
    @"{{ python }}" -m mypy
    @report=$("{{ venv }}/bin/lint-imports") || { echo "$report"; exit 1; }

# The stamp says what the environment was built for: the dependencies, the place, the interpreter. It is removed before
# anything changes and written when all is done, so an interrupted build is built again. One `just` builds, others wait.
[no-exit-message]
_environment:
    #!/usr/bin/env bash
    set -euo pipefail
    exec >&2
    root={{ quote(root) }} venv={{ quote(venv) }} python={{ quote(python) }}
    stamp=$venv/.cockpit-environment
    dependencies={{ sha256_file(root / "pyproject.toml") }}
    place() { printf '%s\n%s' "$root" "$(readlink -f "$python" || true)"; }
    current() { [ -x "$python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$dependencies"$'\n'"$(place)" ]; }

    current && exit 0
    exec 9<"$root/pyproject.toml"
    if command -v flock >/dev/null && ! flock --nonblock 9; then
        echo "Waiting for another just, which is building the environment in $venv."
        flock 9
        current && exit 0
    fi
    if [ "$venv" = "$root/.venv" ]; then
        if [ -e "$stamp" ] && [ "$(tail -n +2 "$stamp")" != "$(place)" ] || ! "$python" -m pip --version >/dev/null 2>&1; then
            if ! python3 -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'; then
                echo "The cockpit needs Python 3.11, 3.12 or 3.13, and python3 here is $(python3 --version 2>&1)."
                echo "Make the environment with one of them, then run just again: python3.12 -m venv --clear .venv"
                exit 2
            fi
            echo "Creating the environment in .venv with $(python3 --version)."
            rm -f "$stamp"
            python3 -m venv --clear "$venv"
        fi
    elif [ ! -x "$python" ]; then
        echo "VIRTUAL_ENV names $venv, and there is no bin/python in it. Activate another environment, or unset VIRTUAL_ENV."
        exit 2
    fi
    echo "Installing the cockpit and what it needs into $venv. PyTorch is large: the first time takes minutes, later starts take none."
    rm -f "$stamp"
    verbosity=--quiet
    if [ -t 2 ]; then verbosity=; fi
    "$python" -m pip install --disable-pip-version-check --compile $verbosity --editable ".[dev]"
    printf '%s\n%s\n' "$dependencies" "$(place)" >"$stamp"
