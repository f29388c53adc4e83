"""300 of the hostile and mutated texts of tests.text.fuzz; the seed is fixed."""

from collections import Counter

from tests.text.fuzz import Outcome, case, fuzz, verdict

SEED = 300


def test_texts_end_in_a_result_or_in_one_line():
    codes, wrong = Counter(), []
    for number, words, outcome in fuzz(300, SEED):
        codes[outcome.code] += 1
        if outcome.wrong:
            wrong.append((number, words, outcome.wrong))
    assert wrong == []
    assert codes[0] >= 30  # and not everything is refused at the first letter
    assert codes[2] >= 100


def test_cases_follow_from_their_number():
    assert case(1, 7) == case(1, 7)
    assert case(1, 7) != case(2, 7)


def test_the_judge_sees_what_is_wrong():
    assert verdict(2, "", "graphnn: no\n", 0.1, 100, []) == ""
    assert verdict(0, "f = x\n", "", 0.1, 100, []) == ""
    for outcome in (
        (1, "", "graphnn: no\n", 0.1, 100, []),
        (2, "", "Traceback (most recent call last):\n", 0.1, 100, []),
        (2, "", "graphnn: internal error, KeyError\n", 0.1, 100, []),
        (2, "", "graphnn: two\nlines\n", 0.1, 100, []),
        (2, "", "graphnn: \x1b[31m\n", 0.1, 100, []),
        (0, "f = x\n", "", 2.1, 100, []),
        (0, "f = x\n", "", 0.1, 501, []),
        (0, "f = x\n", "", 0.1, 100, ["open /etc/passwd"]),
    ):
        assert verdict(*outcome)
    assert Outcome(0, "", 0.1, 100, "").wrong == ""
