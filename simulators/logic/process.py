"""One ABC process behind a pipe: requests, answers, time limits.

A request is a line of commands followed by an ``echo`` of a fresh token; the answer is what comes
before the token at the start of a line (the prompt and an echo of each input line are part of the
output, so the token appears within a line first). ABC's exit status says nothing and ABC aborts
where an assertion fails, so it runs out of process, and what it says is read by others.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import time
from pathlib import Path

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.logic.errors import AbcError, AbcNotFoundError, AbcTimeoutError
from chipgym.simulators.logic.locate import AbcExecutable

__all__ = ["AbcDiedError", "AbcProcess", "OneShotProcess"]

# ABC cuts an input line at about 5000 characters.
MAX_LINE = 4500
_CHUNK = 1 << 16
_BUILD = re.compile(r"^UC Berkeley, ABC .*$", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class AbcDiedError(AbcError):
    """The process ended during a request. Internal: sessions recover or report."""

    def __init__(self, output: str) -> None:
        self.output = output
        super().__init__(f"ABC ended; its last words: {output.strip()[-400:]!r}")


class AbcProcess:
    """A running ABC.

    Parameters
    ----------
    executable : AbcExecutable
    folder : pathlib.Path
        Working directory.
    start_limit_s : float
        Time for the handshake.
    memory_limit_mb : int, optional
        Address space that it may use (Linux only).

    Attributes
    ----------
    build : str
        What ABC prints about its build.
    """

    def __init__(
        self,
        executable: AbcExecutable,
        folder: Path,
        start_limit_s: float,
        memory_limit_mb: int | None = None,
    ) -> None:
        environment = {**os.environ, "INPUTRC": "/dev/null", "TERM": "dumb"}
        try:
            # A session of its own: Ctrl-C in a terminal must not reach it in mid-command.
            self._process = subprocess.Popen(
                [executable.path, "-s"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise AbcNotFoundError(f"{executable.path} cannot be started: {error}") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin = self._process.stdin
        self._stdout = self._process.stdout
        self._owner = os.getpid()
        self._token = 0
        self._poll = select.poll()
        self._poll.register(self._stdout.fileno(), select.POLLIN | select.POLLHUP)
        if memory_limit_mb is not None:
            self._limit_memory(memory_limit_mb)
        self.build = self._handshake(executable, start_limit_s)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def _limit_memory(self, megabytes: int) -> None:
        with contextlib.suppress(ImportError, AttributeError, OSError):
            import resource

            limit = megabytes << 20
            resource.prlimit(self.pid, resource.RLIMIT_AS, (limit, limit))

    def _handshake(self, executable: AbcExecutable, limit_s: float) -> str:
        try:
            answer = self.request("version", limit_s)
        except AbcTimeoutError:
            raise AbcError(
                f"{executable.path} does not answer commands on a pipe within {limit_s:g} s; "
                "a process for each command, mode='per-call', may still work"
            ) from None
        except AbcDiedError as error:
            raise AbcError(
                f"{executable.path} ended at once, is it ABC? Last words: "
                f"{error.output.strip()[-400:]!r}"
            ) from error
        match = _BUILD.search(answer)
        if match is None:
            self.kill()
            raise AbcError(f"{executable.path} is not ABC; it answered {answer.strip()[:400]!r}")
        return match[0].strip()

    def request(self, line: str, limit_s: float) -> str:
        """Run one line of commands and return what was printed, without colours.

        Raises
        ------
        AbcTimeoutError, AbcDiedError
            The process is gone afterwards.
        """
        if len(line) > MAX_LINE or "\n" in line:
            raise InvalidValueError("command", line[:60], f"one line up to {MAX_LINE} characters")
        self._token += 1
        token = f"@@{self._token}@@"
        try:
            answer = self._exchange(f"{line}\necho {token}\n".encode(), token.encode(), limit_s)
        except TimeoutError:
            self.kill()
            raise AbcTimeoutError(line, limit_s) from None
        except BaseException:
            # An interrupted request leaves an answer in the pipe that nobody will ask for.
            self.kill()
            raise
        return _COLOUR.sub("", answer)

    def _exchange(self, question: bytes, token: bytes, limit_s: float) -> str:
        deadline = time.monotonic() + limit_s
        mark = b"\n" + token
        answer = bytearray()
        try:
            self._stdin.write(question)
        except BrokenPipeError:
            raise AbcDiedError("") from None
        searched = 0
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                raise TimeoutError
            chunk = os.read(self._stdout.fileno(), _CHUNK)
            if not chunk:
                raise AbcDiedError(answer.decode(errors="replace"))
            answer += chunk
            end = answer.find(mark, searched)
            if end >= 0:
                return answer[:end].decode(errors="replace") + "\n"
            searched = max(0, len(answer) - len(mark))

    def kill(self) -> None:
        """End the process and reap it; in a forked copy, only let go of it."""
        if os.getpid() != self._owner:
            self.abandon()
            return
        self._process.kill()
        self._process.wait()
        self._close()

    def abandon(self) -> None:
        """Close this process's copies of the pipes (after a fork, ABC belongs to the parent)."""
        self._close()
        # Popen must not wait for, or warn about, a process that is not a child of this one.
        self._process.returncode = 0

    def _close(self) -> None:
        for pipe in (self._stdin, self._stdout):
            with contextlib.suppress(OSError):
                pipe.close()


class OneShotProcess:
    """An ABC that is started for each request and ends after it.

    For systems where commands cannot be sent through a pipe. Nothing is kept from one request to
    the next. Parameters and attributes are those of `AbcProcess`; the memory limit has no effect.
    """

    def __init__(
        self,
        executable: AbcExecutable,
        folder: Path,
        start_limit_s: float,
        memory_limit_mb: int | None = None,
    ) -> None:
        del memory_limit_mb
        self._path, self._folder = executable.path, folder
        self._owner = os.getpid()
        self._running: subprocess.Popen[bytes] | None = None
        match = _BUILD.search(self.request("version", start_limit_s))
        if match is None:
            raise AbcError(f"{executable.path} is not ABC")
        self.build = match[0].strip()

    @property
    def pid(self) -> int | None:
        """Process id of the request that runs now."""
        running = self._running
        return None if running is None else running.pid

    def request(self, line: str, limit_s: float) -> str:
        """Run one line of commands in a process of its own and return what was printed.

        Raises
        ------
        AbcTimeoutError, AbcDiedError
        """
        try:
            self._running = subprocess.Popen(
                [self._path, "-s", "-q", line],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                start_new_session=True,
            )
        except OSError as error:
            raise AbcNotFoundError(f"{self._path} cannot be started: {error}") from error
        try:
            output, _ = self._running.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            raise AbcTimeoutError(line, limit_s) from None
        finally:
            status = self._running.poll()
            self.kill()
        answer = output.decode(errors="replace")
        # ABC's status says nothing about its commands, but a signal says that it did not finish.
        if status is not None and status < 0:
            raise AbcDiedError(answer)
        return _COLOUR.sub("", answer)

    def kill(self) -> None:
        """End the request that runs, if any; in a forked copy, only let go of it."""
        running, self._running = self._running, None
        if running is None:
            return
        if os.getpid() == self._owner and running.poll() is None:
            running.kill()
            running.wait()
        if running.stdout is not None:
            running.stdout.close()

    def abandon(self) -> None:
        """Let go of a request that belongs to the parent of a fork."""
        running, self._running = self._running, None
        if running is not None:
            running.returncode = 0
