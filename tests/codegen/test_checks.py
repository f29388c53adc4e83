"""What compiled code refuses: NaN where asked to look, labels out of range, ragged lists."""

from __future__ import annotations

import numpy as np
import pytest

import codegen
import graphnn as gnn
from tests.codegen.networks import mlp


def _logs() -> gnn.Graph:
    x = gnn.input("x", (3,), "float64")
    return gnn.Graph({"L": gnn.sum(gnn.name("u", gnn.log(x) * 2))})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1, -1, 2], r"^NaN first arose in logs\[1\]: u = log\(x\)·2"),
        ([1, 2, np.nan], r"^x\[2\] is NaN"),
        ([np.inf, 2, np.nan], r"^x\[0\] is infinity"),
    ],
)
def test_check_says_where_a_nan_arose(given: list[float], message: str) -> None:
    f = codegen.compile(_logs())
    assert not np.isfinite(f(given)["L"])
    with pytest.raises(gnn.GraphError, match=message):
        f(given, check=True)


def test_check_changes_no_value_and_lets_a_mask_pass() -> None:
    f = codegen.compile(_logs())
    assert f([1, 2, 3], check=True) == f([1, 2, 3])
    assert f([1, 0, 3], check=True)["L"] == -np.inf


def test_check_looks_at_gradients_and_takes_inputs_of_the_later_passes() -> None:
    w, x = gnn.parameter("w", (2,), "float64"), gnn.input("x", (2,), "float64")
    f = codegen.compile({"L": gnn.sum(gnn.sqrt(w) * x)})
    assert f(w=[0, 4], x=[1, 1], check=True)["L"] == 2
    with pytest.raises(gnn.GraphError, match=r"^infinity first arose in \w+\[0\]: back through L"):
        f.loss_and_gradients(w=[0, 4], x=[1, 1], check=True)
    found = f.loss_and_gradients(w=[1, 4], x=[1, 1], check=True)
    assert found[1]["w"].tolist() == [0.5, 0.25]


def test_a_refused_step_leaves_the_parameters() -> None:
    f = codegen.compile(mlp(4, 5, 3))
    checked, plain = f.init(0, check=True), f.init(0)
    x, y = np.random.default_rng(0).standard_normal((2, 4)), np.eye(3)[:2]
    assert checked.step(x, y) == plain.step(x, y)
    before = {name: a.copy() for name, a in checked.parameters.items()}
    assert all(np.array_equal(before[name], a) for name, a in plain.parameters.items())
    with pytest.raises(FloatingPointError, match=r"^x\[1, 0\] is NaN"):
        checked.step(np.where(np.arange(4) == 0, [[0], [np.nan]], x), y)
    assert all(np.array_equal(before[name], a) for name, a in checked.parameters.items())
    assert "    finite(" not in f.source


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 4, 9], r"^t\[1\] = 4 is out of range: the table has 4 rows, 0 to 3"),
        ([0, 1, -1], r"^t\[2\] = -1 is out of range: the table has 4 rows, 0 to 3"),
    ],
)
def test_a_label_out_of_range_is_named_as_evaluate_names_it(
    labels: list[int], message: str
) -> None:
    table, t = gnn.input("E", (4, 2), "float64"), gnn.input("t", (3,), "int64")
    picked = gnn.gather(table, t)
    with pytest.raises(gnn.GraphError, match=message):
        gnn.evaluate(picked, E=np.ones((4, 2)), t=labels)
    with pytest.raises(gnn.GraphError, match=message):
        codegen.compile(picked)(np.ones((4, 2)), labels)
    loss = gnn.mean(gnn.sparse_cross_entropy_with_logits(t, gnn.parameter("z", (3, 4))))
    with pytest.raises(gnn.GraphError, match=message):
        codegen.compile(loss).loss_and_gradients(t=labels, z=np.ones((3, 4)))


@pytest.mark.parametrize("given", [[[1, 2], [3]], [1, None], [[1], 2]])
def test_ragged_lists_are_refused_in_one_line(given: list[object]) -> None:
    f = codegen.compile({"y": gnn.input("x", (2,)) * 2})
    with pytest.raises(gnn.DtypeError, match=r"^x takes an array of real numbers; \[") as caught:
        f(given)
    assert "\n" not in str(caught.value).split("  at ")[0].strip()
