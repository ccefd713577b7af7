"""python -m bench ROOM: set up the peers of one room, measure, print the table and the goals.

Each room is a module here (prepare also has increment: what a change costs; train has recipes: what each makes) with a docstring that
says what is measured, BENCH.peers (requirements of the public tools, which live in bench/.venv and never in ours) and run(), which gives
a table and the goals.
Exits 0 only when every goal is met.
"""

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.frame import Bench, Result

ROOMS = ("collect", "curate", "review", "prepare", "increment", "train", "recipes", "evaluate")
HERE = Path(__file__).parent


def main(room: str) -> int:
    if room not in ROOMS:
        print(f"darkroom: there is no room {room!r}; ROOM is one of {', '.join(ROOMS)}", file=sys.stderr)
        return 2
    if importlib.util.find_spec(f"bench.{room}") is None:
        print(f"darkroom: nothing is measured for {room} yet", file=sys.stderr)
        return 2
    bench: Bench = importlib.import_module(f"bench.{room}").BENCH
    result: Result = bench.run(_peers(bench.peers))
    print(result)
    return 0 if result.goals and all(goal.met for goal in result.goals) else 1


def _peers(requirements: tuple[str, ...]) -> Path:
    """The Python of bench/.venv with the peers in it."""
    python = HERE / ".venv" / "bin" / "python"
    uv = shutil.which("uv") or str(HERE.parent / ".uv" / "bin" / "uv")
    environment = {**os.environ, "VIRTUAL_ENV": str(HERE / ".venv")}
    if requirements:
        if not python.exists():
            subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(HERE / ".venv")], check=True)
        subprocess.run([uv, "pip", "install", "-q", *requirements], check=True, env=environment)
    return python


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
