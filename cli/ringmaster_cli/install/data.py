"""Where the files that are installed come from: the package, or the checkout that it is run from."""

from __future__ import annotations

from pathlib import Path

from ringmaster_cli.exits import CliError

PACKAGE = Path(__file__).resolve().parents[1]


def folder(name: str) -> Path:
    """kustomize, crds or systemd. Raises CliError where this program came without them."""
    for top in (PACKAGE / "data", PACKAGE.parents[1]):
        if (top / name).is_dir():
            return top / name
    raise CliError(f"this installation of ringmaster lacks its folder {name}: install the package anew")
