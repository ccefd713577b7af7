"""Errors meant for the person at the keyboard: one sentence, no traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["UserError", "reported"]


class UserError(Exception):
    """Something the user can mend: what is wrong, where, what is allowed, what to do next."""


@contextmanager
def reported() -> Iterator[None]:
    """Print a UserError as one line on stderr and exit with status 1; let every other error through.

    Ctrl-C is no error: what was done is kept, and the status is 130 as for any program that it ends.
    """
    try:
        yield
    except UserError as error:
        print(f"darkroom: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("\ndarkroom: stopped; what was done is kept, run it again to go on", file=sys.stderr)
        sys.exit(130)
