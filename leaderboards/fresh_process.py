"""Verification in a fresh process that may use so much time and memory and no more.

Nothing of a submission is executed: it is text, which is parsed and replayed. What replaying costs
is bounded here: the process sets limits on its own processor time, address space and files before
it opens the submission, runs in an empty folder, and is ended with all that it started when its
time is over. A submission that needs more is rejected, which is a result like any other.

``python -m chipgym.leaderboards.fresh_process ARGUMENTS`` is what the new process runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from chipgym.leaderboards.schema import Verification
from chipgym.simulators.core.errors import ChipGymError, SimulationError, check_range

__all__ = ["Limits", "in_turn", "verify_in_fresh_process"]

T = TypeVar("T")
R = TypeVar("R")
GIB = 1 << 30
GRACE_S = 5
OUT_OF_MEMORY = 3
"""Exit status of a process that had no memory left."""


@dataclass(frozen=True)
class Limits:
    """What a verification may use.

    Attributes
    ----------
    time_s : float
        Wall time, and processor time for each processor.
    memory_gib : float
        Address space of the process, GiB: libraries alone take about 4.
    file_gib : float
        Largest file that it may write, GiB.
    """

    time_s: float = 4 * 3600
    memory_gib: float = 32.0
    file_gib: float = 1.0

    def __post_init__(self) -> None:
        for name in ("time_s", "memory_gib", "file_gib"):
            check_range(name, getattr(self, name), 0, low_open=True)

    @property
    def processor_s(self) -> int:
        """Processor time of all threads together."""
        return max(1, round(self.time_s * (os.cpu_count() or 1)))

    def apply(self) -> None:
        """Limit this process, and all that it will start, where the system can."""
        try:
            import resource
        except ImportError:  # Windows has no such limits; the wall time holds there too.
            return
        wanted = {
            resource.RLIMIT_AS: (round(self.memory_gib * GIB),) * 2,
            resource.RLIMIT_CPU: (self.processor_s, self.processor_s + GRACE_S),
            resource.RLIMIT_FSIZE: (round(self.file_gib * GIB),) * 2,
            resource.RLIMIT_CORE: (0, 0),
        }
        for kind, (soft, hard) in wanted.items():
            _, highest = resource.getrlimit(kind)
            if highest != resource.RLIM_INFINITY:
                soft, hard = min(soft, highest), min(hard, highest)
            # macOS refuses to limit the address space.
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(kind, (soft, hard))


def verify_in_fresh_process(
    folder: str | Path,
    *,
    suite: str | None = None,
    imports: Sequence[str] = (),
    resimulate: bool = False,
    limits: Limits | None = None,
) -> Verification:
    """Verify a submission in a new Python process, which knows nothing of the present one.

    Parameters
    ----------
    folder : path
        The submission.
    suite : str, optional
        Path of the suite, if it is not one of the package.
    imports : sequence of str
        Modules to import first, which register environments of one's own.
    resimulate : bool
        As `chipgym.leaderboards.verify.verify_submission` takes it.
    limits : Limits, optional
        What the process may use; what needs more is rejected.

    Raises
    ------
    SimulationError
        The verification itself failed, such as for a module that cannot be imported.
    """
    limits = limits or Limits()
    arguments = {
        "folder": str(Path(folder).resolve()),
        "suite": None if suite is None else str(Path(suite).resolve()),
        "imports": list(imports),
        "resimulate": resimulate,
        "limits": asdict(limits),
        # One's own modules may lie in the working folder; those of a submission never do.
        "path": [str(Path.cwd())] if imports else [],
    }
    # -P: the new process must not find modules in a folder that it merely runs in.
    command = [sys.executable, "-P", "-m", "chipgym.leaderboards.fresh_process"]
    with tempfile.TemporaryDirectory(prefix="chipgym-verify-") as empty:
        return _run([*command, json.dumps(arguments)], empty, limits)


def in_turn(work: Callable[[T], R], items: Iterable[T], workers: int | None = None) -> list[R]:
    """Do work that verifies for each item, several at a time; return what it gave, in their order.

    Parameters
    ----------
    work : callable
        It waits for fresh processes, so that threads are enough to keep several of them busy. The
        first error is raised, and what has not begun is left out.
    items : iterable
    workers : int, optional
        How many at a time, by default one a processor. The limits are of each.
    """
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(_RUNNING):
                _end_group(process)
            raise


_RUNNING: set[subprocess.Popen[bytes]] = set()
"""Verifying processes, to be ended with this one."""


def _run(command: list[str], cwd: str, limits: Limits) -> Verification:
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_search_path())},
            start_new_session=True,
        ) as process,
    ):
        _RUNNING.add(process)
        try:
            status = process.wait(limits.time_s)
        except subprocess.TimeoutExpired:
            return _rejected(f"took longer than {limits.time_s:g} s")
        finally:
            _RUNNING.discard(process)
            _end_group(process)
        out.seek(0)
        err.seek(0)
        said = err.read()[-4000:].decode(errors="replace").strip().splitlines()
        return _outcome(status, out.read().decode(errors="replace"), said, limits)


def _search_path() -> list[str]:
    """Where the new process looks for modules: as here, but never in the folder it runs in."""
    import chipgym

    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    absolute = [str(Path(entry).absolute()) for entry in given if entry]
    return [*absolute, str(Path(str(chipgym.__file__)).parents[1])]


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started, such as an ABC at work."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _outcome(status: int, out: str, said: list[str], limits: Limits) -> Verification:
    if status == OUT_OF_MEMORY:
        return _rejected(f"needed more than {limits.memory_gib:g} GiB of memory")
    if status < 0:
        name = signal.Signals(-status).name
        if name == "SIGXCPU":
            return _rejected(f"needed more than {limits.processor_s} s of processor time")
        return _rejected(f"the verifying process was ended by {name}")
    if status != 0:
        message = said[-1] if said else "no message"
        raise SimulationError(f"the verifying process failed: {message}")
    try:
        return Verification.parse(json.loads(out.splitlines()[-1]))
    except (IndexError, json.JSONDecodeError) as error:
        raise SimulationError("the verifying process gave no result") from error


def _rejected(reason: str) -> Verification:
    import chipgym

    return Verification(passed=False, reasons=(reason,), package_version=chipgym.__version__)


def _main() -> None:
    arguments: dict[str, Any] = json.loads(sys.argv[1])
    sys.path += arguments.pop("path")
    Limits(**arguments.pop("limits")).apply()
    try:
        from chipgym.leaderboards.verify import verify_submission

        verification = verify_submission(**arguments)
    except ChipGymError as error:
        sys.exit(str(error))
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)
    print(json.dumps(verification.document()))


if __name__ == "__main__":
    _main()
