"""What toolkits share: how they are found, and where their random numbers come from."""

import pytest

from autoscaling_rl.errors import UserError
from autoscaling_rl.toolkits import find_toolkit
from autoscaling_rl.toolkits.base import seeds


def test_an_unknown_toolkit_is_refused():
    with pytest.raises(UserError, match="toolkit 'sb4' is unknown: use one of cem, hindsight, sb3"):
        find_toolkit("sb4")


def test_seeds_differ_by_path_and_are_stable():
    assert seeds(0, 1, 2) == seeds(0, 1, 2)
    drawn = [seeds(seed, *path)[0] for seed in range(3) for path in ((0,), (1, 0), (1, 1), (2,))]
    assert len(set(drawn)) == len(drawn)
    assert all(0 <= each < 2**31 for each in seeds(7, 7, count=100))
