"""Exit statuses, and errors as one clear line on standard error.

0: what was asked was done. 1: it was done, and the answer is no (a verification failed). 2: wrong
input, or a failure. 130: interrupted.
"""

from __future__ import annotations

import functools
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import typer

from chipgym.simulators.core.errors import ChipGymError
from chipgym.simulators.core.files import DISK_FULL

__all__ = ["EXIT_FAILURE", "EXIT_INTERRUPTED", "Interrupted", "guarded", "report_error"]

EXIT_FAILURE = 2
EXIT_INTERRUPTED = 130

P = ParamSpec("P")
R = TypeVar("R")


class Interrupted(KeyboardInterrupt):
    """An interruption that says how to go on."""


def report_error(error: Exception | str) -> int:
    """Print an error as one line on standard error; return the exit status."""
    line = " ".join(str(error).split())
    print(f"error: {line}", file=sys.stderr, flush=True)
    return EXIT_FAILURE


def guarded(function: Callable[P, R]) -> Callable[P, R]:
    """Turn a command's errors into exit statuses and one line each."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            return function(*args, **kwargs)
        except ChipGymError as error:
            raise typer.Exit(report_error(error)) from error
        except KeyboardInterrupt as error:
            hint = f"; {error}" if isinstance(error, Interrupted) else ""
            print(f"\ninterrupted{hint}", file=sys.stderr, flush=True)
            raise typer.Exit(EXIT_INTERRUPTED) from error
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            raise typer.Exit(report_error(_os_message(error))) from error
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:  # a defect, here or in the user's own code: show where
            traceback.print_exception(error)
            text = f"unexpected {type(error).__name__}: {error}"
            raise typer.Exit(report_error(text)) from error

    return wrapper


def _os_message(error: OSError) -> str:
    place = f" ({error.filename})" if error.filename else ""
    if error.errno in DISK_FULL:
        return f"the disk is full{place}; finished results are kept, free space and run it again"
    return f"{error.strerror or error}{place}"


def _interrupt(signum: int, frame: Any) -> None:
    """Treat a polite kill as Ctrl-C, so that workers are stopped and the way on is told."""
    raise KeyboardInterrupt
