"""Where backups are kept, by what --target says."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from ringmaster_cli.exits import UsageError
from ringmaster_operator.backups.target import FolderTarget, Target


def target(where: str) -> Target:
    """A folder or a bucket. Raises UsageError."""
    parts = urlsplit(where)
    if parts.scheme == "file":
        return FolderTarget(Path(parts.path))
    if parts.scheme == "s3":
        from ringmaster_operator.backups.s3 import S3Target

        return S3Target(parts.netloc, parts.path)
    if "://" in where or not where.strip():
        raise UsageError(f"--target {where}: give a folder or s3://BUCKET/PREFIX")
    return FolderTarget(Path(where))


def s3_place() -> tuple[str | None, str]:
    """Endpoint, None for AWS's own, and region of the bucket, as the usual variables say."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None
    return endpoint, os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
