"""A limit on the wall time of a job: an error in the job first, the end of its process after that.

The error is raised by the alarm signal between two instructions of Python. Code that does not come
back to Python, in a process of its own, is ended by a watchdog a little later.
"""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import signal
import threading
from collections.abc import Iterator
from typing import Any

from chipgym.simulators.core.errors import ChipGymError

__all__ = ["GRACE_S", "TimeLimitError", "time_limit"]

GRACE_S = 30.0
"""Seconds between the error and the end of a worker process that did not heed it."""


class TimeLimitError(ChipGymError):
    """A job took longer than its limit allows."""


@contextlib.contextmanager
def time_limit(seconds: float | None, own_process: bool | None = None) -> Iterator[None]:
    """Raise `TimeLimitError` in the block after so many seconds.

    Parameters
    ----------
    seconds : float or None
        The limit; None for none.
    own_process : bool, optional
        Whether the process may be ended 30 s later; by default if it is a child of
        `multiprocessing`.

    Notes
    -----
    Needs the main thread and an operating system with alarms; elsewhere only the watchdog acts.
    """
    if seconds is None:
        yield
        return
    alone = multiprocessing.parent_process() is not None if own_process is None else own_process
    alarms = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()

    def expired(signum: int, frame: Any) -> None:
        raise TimeLimitError(f"the time limit of {seconds:g} s is over")

    if alone:
        faulthandler.dump_traceback_later(seconds + GRACE_S, exit=True)
    before = signal.signal(signal.SIGALRM, expired) if alarms else None
    if alarms:
        signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        if alarms:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, before)
        if alone:
            faulthandler.cancel_dump_traceback_later()
