import subprocess
import sys

from bench.frame import Goal, Result
from tests.conftest import ROOT


def test_goals_are_met_or_short_in_the_direction_they_have() -> None:
    result = Result(("what", "rate"), [("ours", 12), ("a peer", 3)], [Goal("slow", 2, 1), Goal("fast", 2, 1, at_least=True)])
    assert str(result).splitlines() == ["what    rate", "ours    12", "a peer  3", "goal slow 2 1 short", "goal fast 2 1 met"]


def test_a_room_that_is_not_there_says_which_are() -> None:
    done = subprocess.run([sys.executable, "-m", "bench", "kitchen"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "ROOM is one of collect, curate" in done.stderr
