"""The options that people's commands share: as whom and where a command asks, and how it prints.

A command names those that it needs, in this order; kubectl.py adds --kubeconfig and -o by their names.
"""

from __future__ import annotations

from typing import Annotated

import typer

Url = Annotated[str | None, typer.Option("--url", envvar="RINGMASTER_URL", help="The operator's API.")]
Account = Annotated[
    str | None, typer.Option("--as-account", help="Ask as this service account of the namespace.")
]
Namespace = Annotated[
    str | None, typer.Option("-n", "--namespace", help="Namespace; the context's when unset.")
]
Context = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
