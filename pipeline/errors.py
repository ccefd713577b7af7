"""Errors meant for the person at the keyboard: one sentence, no traceback."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["UserError", "reported"]

MENDABLE = {  # what the system says that the person at the keyboard can do something about
    errno.ENOSPC: "the disk is full; free some space and run it again, what was done is kept",
    errno.EDQUOT: "your share of the disk is used up; free some space and run it again, what was done is kept",
    errno.EROFS: "this disk can only be read; work in a folder that can be written to",
    errno.EACCES: "you may not read or write there; change its permissions, or use another folder",
    errno.EPERM: "you may not do that there; change its permissions, or use another folder",
    errno.ENOTDIR: "a file stands where a folder is needed; move it, or give another folder",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n 4096) and run it again",
    errno.EIO: "the disk does not answer as it should; copy what matters to another one",
}


class UserError(Exception):
    """Something the user can mend: what is wrong, where, what is allowed, what to do next."""


@contextmanager
def reported() -> Iterator[None]:
    """Print a UserError as one line on stderr and exit with status 1, and so what the system refuses and a person can mend.

    Every other error goes through.
    Ctrl-C is no error: what was done is kept, and the status is 130 as for any program that it ends.
    """
    try:
        yield
    except UserError as error:
        print(f"darkroom: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if error.errno not in MENDABLE:
            raise
        print(f"darkroom: {error.filename or 'a file'}: {MENDABLE[error.errno]} ({error.strerror})", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("\ndarkroom: stopped; what was done is kept, run it again to go on", file=sys.stderr)
        sys.exit(130)
