"""150 random networks that move, join and share values: every printed gradient is the graph's."""

import pytest

from graphnn.derivation import structures
from graphnn.errors import GraphError
from tests.derivation.shared_networks import check, random_network

NETWORKS = 150


@pytest.mark.parametrize("part", range(5))
def test_every_gradient_of_random_networks_is_that_of_the_graph(part):
    held = [check(*random_network(seed)) for seed in range(part, NETWORKS, 5)]
    assert sum(count > 0 for count in held) >= NETWORKS // 5 - 2
    assert sum(held) > 100


def test_a_planted_fault_is_found(monkeypatch):
    """A concat that sends the first part back to every operand, as an index by value would."""
    real = structures._span
    monkeypatch.setattr(structures, "_span", lambda node, place: real(node, 0))
    found = 0
    for seed in range(20):
        try:
            check(*random_network(seed))
        except (GraphError, AssertionError, ValueError):
            found += 1
    assert found >= 3
