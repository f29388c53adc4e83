"""Settings that all tests share.

Property tests run derandomised and without deadline, so that a run is repeatable on any machine;
`pytest --hypothesis-profile=default` searches at random instead.
"""

import pytest
from hypothesis import HealthCheck, settings

# Benchmarks are programs that print: never collected, not even for doctests, since they want peers.
collect_ignore = ["benchmarks"]

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    print_blob=True,
    # too_slow judges by the clock, so a busy machine would fail what a quiet one passes.
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files")
