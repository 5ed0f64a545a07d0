"""Betweenness by the ways from some nodes only, for graphs whose every way would take seconds.

Brandes' algorithm without a queue: the graph has no cycles, so it goes layer by layer, for many sources at
once as columns of a matrix. Much of it runs outside Python's lock, so that claims go on meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
COLUMNS = 32
"""Sources at once: the matrices of 10,000 nodes still fit the processor's cache."""
FAR = 1 << 30
"""Farther than any node."""


def betweenness(below: Sequence[Sequence[int]], layers: list[list[int]], sources: list[int]) -> list[float]:
    """How many shortest ways from the sources lead through each node, ends not counted.

    An edge leads from each node to those below it, all of which are in later layers.
    """
    count = len(below)
    degrees = np.fromiter(map(len, below), dtype=np.int64, count=count)
    nodes = np.fromiter(chain.from_iterable(layers), dtype=np.int64, count=count)
    layer_of = np.empty(count, dtype=np.int64)
    layer_of[nodes] = np.repeat(np.arange(len(layers)), list(map(len, layers)))
    place = np.empty(count, dtype=np.int64)
    place[np.lexsort((degrees == 0, layer_of))] = np.arange(count)  # in each layer, those with edges first
    tails = np.repeat(place, degrees)
    heads = place[np.fromiter(chain.from_iterable(below), dtype=np.int64, count=len(tails))]
    web = _Web(np.cumsum([0, *map(len, layers)]), tails, heads)
    starts = np.sort(place[sources])
    found = np.zeros(count)
    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, len(starts), COLUMNS):
            found += web.through(starts[first : first + COLUMNS])
    # Through a thousand forks in a row lead more ways than a float can count: such nodes get nothing.
    result: list[float] = np.nan_to_num(found[place], nan=0.0, posinf=0.0).tolist()
    return result


@dataclass(frozen=True)
class _Step:
    """The nodes of one layer that have edges to one side, and these edges."""

    nodes: slice
    edges: slice
    begins: Ints
    """Where the edges of each node begin."""
    owners: Ints
    """For each edge, its node; both counted from the first of the layer."""


class _Web:
    """Nodes numbered layer by layer, in each layer first those from which edges lead."""

    def __init__(self, cuts: Ints, tails: Ints, heads: Ints) -> None:
        """cuts: where each layer begins, and the end of the last; edges lead from tails to heads."""
        self._cuts = cuts
        into, out = np.lexsort((tails, heads)), np.lexsort((heads, tails))
        self._tails, self._heads = tails[into], heads[out]
        self._into, self._out = _steps(cuts, heads[into]), _steps(cuts, tails[out])
        place = np.empty(len(tails), dtype=np.int64)
        place[into] = np.arange(len(tails))
        self._same = place[out]
        """By place among the edges out of nodes: the place among those into nodes."""

    def through(self, sources: Ints) -> Floats:
        """How many shortest ways lead through each node from sources, which are sorted."""
        count, columns = int(self._cuts[-1]), np.arange(len(sources))
        first = int(np.searchsorted(self._cuts, sources[0], side="right"))  # layer after the first source's
        far = np.full((count, len(sources)), FAR, dtype=np.int32)
        ways = np.zeros((count, len(sources)))
        far[sources, columns] = 0
        ways[sources, columns] = 1.0
        shortest = np.zeros((len(self._tails), len(sources)), dtype=np.bool_)
        for step in self._into[first:]:
            tails = self._tails[step.edges]
            reached = far[tails]
            nearest = np.minimum.reduceat(reached, step.begins)
            np.equal(reached, nearest[step.owners], out=shortest[step.edges])
            far[step.nodes] = np.minimum(far[step.nodes], nearest + 1)
            counted = np.where(shortest[step.edges], ways[tails], 0.0)
            ways[step.nodes] += np.add.reduceat(counted, step.begins)
        depend = self._depend(ways, shortest, first)
        depend[sources, columns] = 0.0
        total: Floats = depend.sum(axis=1)
        return total

    def _depend(self, ways: Floats, shortest: Bools, first: int) -> Floats:
        """How much of the ways on to all others leads through each node, back to a layer; by source."""
        depend = np.zeros_like(ways)
        per_way = np.zeros_like(ways)
        np.divide(1.0, ways, out=per_way, where=ways > 0)
        for step in self._out[first:][::-1]:
            passed = np.where(shortest[self._same[step.edges]], per_way[self._heads[step.edges]], 0.0)
            if len(step.begins):
                depend[step.nodes] = ways[step.nodes] * np.add.reduceat(passed, step.begins)
                per_way[step.nodes] *= 1.0 + depend[step.nodes]
        return depend


def _steps(cuts: Ints, owners: Ints) -> list[_Step]:
    """By layer; owners are sorted, and in a layer the first nodes are those that own edges."""
    edges = np.searchsorted(owners, cuts)
    found = []
    for node, begin, end in zip(cuts.tolist(), edges.tolist(), edges[1:].tolist(), strict=False):
        own = owners[begin:end] - node
        begins = np.flatnonzero(np.diff(own, prepend=-1))
        found.append(_Step(slice(node, node + len(begins)), slice(begin, end), begins, own))
    return found
