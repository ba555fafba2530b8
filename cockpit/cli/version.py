"""The installed version, asked for without anything else being imported."""

from __future__ import annotations


def version() -> str:
    """The installed version; sources that are run without being installed have none."""
    from importlib import metadata

    try:
        return metadata.version("cockpit")
    except metadata.PackageNotFoundError:
        return "not installed"
