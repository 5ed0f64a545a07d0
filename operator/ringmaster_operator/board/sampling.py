"""Betweenness by the ways from some nodes only, for graphs whose every way would take seconds.

Brandes' algorithm without a queue: the graph has no cycles, so it goes layer by layer, for many sources at
once as columns of a matrix. Much of it runs outside Python's lock, so that claims go on meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Edge = tuple[int, int]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
COLUMNS = 32
"""Sources at once: the matrices of 10,000 nodes still fit the processor's cache."""
FAR = 1 << 40


def betweenness(
    count: int, edges: Sequence[Edge], layers: list[list[int]], sources: list[int]
) -> list[float]:
    """How many shortest ways from the sources lead through each of `count` nodes, ends not counted.

    Each edge leads from a layer to a later one.
    """
    layer_of = np.zeros(count, dtype=np.int64)
    for number, layer in enumerate(layers):
        layer_of[layer] = number
    pairs = np.array(edges, dtype=np.int64).reshape(-1, 2)
    forward = _steps(pairs[:, 1], pairs[:, 0], layer_of)
    backward = _steps(pairs[:, 0], pairs[:, 1], layer_of)[::-1]
    found = np.zeros(count)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(sources), COLUMNS):
            found += _through(count, forward, backward, np.array(sources[start : start + COLUMNS]))
    # Through a thousand forks in a row lead more ways than a float can count: such nodes get nothing.
    result: list[float] = np.nan_to_num(found, nan=0.0, posinf=0.0).tolist()
    return result


@dataclass(frozen=True)
class _Step:
    """The edges at the nodes of one layer, those of each node together."""

    nodes: Ints
    begins: Ints
    """Where the edges of each node begin."""
    owner: Ints
    """For each edge, its node's place in nodes."""
    others: Ints
    """For each edge, its other end."""


def _steps(nodes: Ints, others: Ints, layer_of: Ints) -> list[_Step]:
    order = np.lexsort((others, nodes, layer_of[nodes]))
    nodes, others = nodes[order], others[order]
    cuts = np.flatnonzero(np.diff(layer_of[nodes])) + 1
    found = []
    for mine, ends in zip(np.split(nodes, cuts), np.split(others, cuts), strict=True):
        own, begins, owner = np.unique(mine, return_index=True, return_inverse=True)
        found.append(_Step(own, begins, owner, ends))
    return found


def _through(count: int, forward: list[_Step], backward: list[_Step], sources: Any) -> Floats:
    columns = np.arange(len(sources))
    far = np.full((count, len(sources)), FAR, dtype=np.int64)
    ways = np.zeros((count, len(sources)))
    far[sources, columns] = 0
    ways[sources, columns] = 1.0
    for step in forward:
        reached = far[step.others] + 1
        nearest = np.minimum.reduceat(reached, step.begins)
        counted = np.where(reached == nearest[step.owner], ways[step.others], 0.0)
        sums = np.add.reduceat(counted, step.begins)
        better = nearest < far[step.nodes]
        far[step.nodes] = np.where(better, nearest, far[step.nodes])
        ways[step.nodes] = np.where(better, sums, ways[step.nodes])
    depend = np.zeros((count, len(sources)))
    per_way = np.zeros((count, len(sources)))
    np.divide(1.0, ways, out=per_way, where=ways > 0)
    for step in backward:
        next_on_way = far[step.others] == far[step.nodes][step.owner] + 1
        share = np.where(next_on_way, per_way[step.others] * (1.0 + depend[step.others]), 0.0)
        depend[step.nodes] = ways[step.nodes] * np.add.reduceat(share, step.begins)
    depend[sources, columns] = 0.0
    total: Floats = depend.sum(axis=1)
    return total
