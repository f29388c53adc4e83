"""Answers judged: a gradient that somebody typed is right, or wrong, and then where and why.

reading → building → points → judging → slips, repairs and terms → verdict, put together by `examine`.
"""

from graphnn.answers.examine import check
from graphnn.answers.verdict import Checked, Slip, Verdict

__all__ = ["Checked", "Slip", "Verdict", "check"]
