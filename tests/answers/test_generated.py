"""200 right and 200 wrong answers are judged without a mistake, and the planted slip is named.

Where several slips give one and the same answer (without x, ∂L/∂w is ∂L/∂b), the one that was
planted has to be among those named: every one named gives exactly this answer.
"""

import pytest

import graphnn as gnn
from tests.answers.generated import RIGHT, WRONG, Question, questions

COUNT = 200
PARTS = 8


def judged(question: Question) -> gnn.Checked:
    program = gnn.parse(question.network, dict(question.shapes))
    return gnn.check(program.graph, question.answer, assume=question.assume)


def part(makers: list, seed: int, number: int) -> list[Question]:
    return list(questions(makers, COUNT, seed))[number::PARTS]


def test_the_questions_are_different_and_cover_every_slip() -> None:
    right, wrong = (list(questions(makers, COUNT, k)) for k, makers in ((1, RIGHT), (2, WRONG)))
    assert len(set(right)) == len(set(wrong)) == COUNT
    assert not any(question.slip for question in right)
    assert {question.slip for question in wrong} == {
        *("sign", "constant", "mean", "inner", "branch", "path", "transpose", "batch", "variable"),
        "assumption",
    }


@pytest.mark.parametrize("number", range(PARTS))
def test_right_answers_are_judged_right(number: int) -> None:
    for question in part(RIGHT, 1, number):
        found = judged(question)
        assert found.right, f"{question}\n{found}"


@pytest.mark.parametrize("number", range(PARTS))
def test_wrong_answers_are_judged_wrong_and_their_slip_is_named(number: int) -> None:
    asked = part(WRONG, 2, number)
    found = [judged(question) for question in asked]
    for question, verdict in zip(asked, found, strict=True):
        assert not verdict.right, f"{question}\n{verdict}"
    named = [
        question.slip in [slip.kind for slip in verdict.first.slips]
        for question, verdict in zip(asked, found, strict=True)
    ]
    assert sum(named) >= 0.9 * len(named)
    first = [q.slip == v.slip.kind for q, v in zip(asked, found, strict=True) if v.slip]
    assert sum(first) >= 0.8 * len(named)
