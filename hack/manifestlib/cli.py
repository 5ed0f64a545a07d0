"""The command line of hack/manifests."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence

from kubecluster.files import ClusterError, say
from manifestlib import lint, render


def main(arguments: Sequence[str]) -> int:
    """Write or check; 0, or 1 when something differs or is wrong."""
    parser = argparse.ArgumentParser(
        prog="hack/manifests",
        description="Render kustomize/ to tests/unit/kustomize/goldens, so that every change of it is seen.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; fail when a render differs, or kubeconform or kube-score find a fault",
    )
    options = parser.parse_args(arguments)
    try:
        return _check() if options.check else _write()
    except ClusterError as error:
        say(f"hack/manifests: {error}")
        return 1


def _write() -> int:
    render.GOLDENS.mkdir(parents=True, exist_ok=True)
    for name, folder in render.RENDERED.items():
        file = render.GOLDENS / f"{name}.yaml"
        file.write_text(render.golden(render.render(folder)), encoding="utf-8")
    return 0


def _check() -> int:
    lint.build()
    faults = 0
    for name, folder in render.RENDERED.items():
        text = render.render(folder)
        found = [*differences(name, text), *lint.faults(name, text)]
        print(f"{name}: {len(found) or 'no'} faults")
        for line in found:
            print(f"  {line}")
        faults += len(found)
    return 1 if faults else 0


def differences(name: str, text: str) -> list[str]:
    """Lines in which a render is not its golden file."""
    file = render.GOLDENS / f"{name}.yaml"
    kept = file.read_text(encoding="utf-8") if file.exists() else ""
    lines = difflib.unified_diff(
        kept.splitlines(),
        render.golden(text).splitlines(),
        "golden",
        "rendered: run hack/manifests",
        lineterm="",
    )
    return list(lines)
