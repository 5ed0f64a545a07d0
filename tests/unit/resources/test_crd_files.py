"""The CRDs as generated: committed, small, and readable for people."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringmaster_operator.resources import crd
from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.crd_schema import structural

CRDS = Path(__file__).parents[3] / "crds"


def fields(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property below a schema node, with its path."""
    for name, sub in node.get("properties", {}).items():
        yield f"{path}.{name}", sub
        yield from fields(sub, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in node:
            yield from fields(node[key], f"{path}[]")


def all_fields() -> list[tuple[str, dict[str, Any]]]:
    """Every field of the three kinds."""
    return [
        (f"{definition.kind}{path}", node)
        for definition in crd.DEFINITIONS
        for path, node in fields(crd.root_schema(definition.model))
    ]


def test_committed_files_are_what_the_models_say() -> None:
    assert crd.drift(CRDS) == [], "run hack/crds"


def test_drift_is_seen_in_changed_missing_and_unknown_files(tmp_path: Path) -> None:
    shutil.copytree(CRDS, tmp_path, dirs_exist_ok=True)
    (tmp_path / "beads.yaml").write_text("changed")
    (tmp_path / "workers.yaml").unlink()
    (tmp_path / "strays.yaml").write_text("")
    seen = [line.rpartition("/")[2] for line in crd.drift(tmp_path)]
    assert seen == ["beads.yaml differs", "strays.yaml differs", "workers.yaml differs"]


def test_check_fails_on_drift_and_writing_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert crd.main([str(tmp_path), "--check"]) == 1
    assert "run hack/crds" in capsys.readouterr().out
    assert crd.main([str(tmp_path)]) == 0
    assert crd.main([str(tmp_path), "--check"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in CRDS.iterdir()}


def test_all_definitions_together_are_below_100_kb() -> None:
    total = sum(path.stat().st_size for path in CRDS.glob("*.yaml"))
    print(f"{total} bytes")
    assert total < 100_000


@pytest.mark.parametrize(("path", "node"), all_fields(), ids=[path for path, _ in all_fields()])
def test_every_field_is_described_and_bounded(path: str, node: dict[str, Any]) -> None:
    outermost = path.count(".") == 1
    if outermost and path.endswith((".apiVersion", ".kind", ".metadata")):
        return  # the API server's own
    assert node.get("description"), path
    for inner in (node, node.get("items", {}), node.get("additionalProperties", {})):
        match inner.get("type"):
            case "string":
                assert "maxLength" in inner or "enum" in inner, path
            case "array":
                assert "maxItems" in inner, path
            case "object" if "properties" not in inner:
                assert "maxProperties" in inner, path
            case "integer":
                assert {"minimum", "maximum"} <= inner.keys(), path


def test_columns_and_selectable_fields_name_real_fields() -> None:
    for definition in crd.DEFINITIONS:
        known = {path for path, _ in fields(crd.root_schema(definition.model))}
        for path in definition.selectable:
            assert path in known
        for column in definition.columns:
            plain = column.path.partition("[")[0]
            assert plain in known or plain == ".metadata.creationTimestamp"
        assert definition.columns[-1].name == "Age"


class _Union(Model):
    either: int | list[str] = 0


def test_what_no_structural_schema_can_say_is_an_error_not_a_broken_definition() -> None:
    with pytest.raises(TypeError, match="union"):
        structural(_Union)


class _Low(Model):
    level: int = 1


class _Outer(Model):
    low: _Low = _Low(level=2)


def test_a_default_that_the_server_would_not_make_is_an_error() -> None:
    with pytest.raises(TypeError, match="_Low differs"):
        structural(_Outer)
