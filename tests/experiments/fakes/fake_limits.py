"""Policies that take their time, or whose file system fails for a while."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from fake_scheduling import Greedy


class Slow(Greedy):
    """Takes so long for each episode."""

    def __init__(self, episode_s: float) -> None:
        self.episode_s = episode_s

    def reset(self, num_envs: int, seed: int) -> None:
        time.sleep(self.episode_s)


class StaleOnce(Greedy):
    """Meets a stale file handle, the first time; then behaves."""

    def __init__(self, marker: str) -> None:
        self.marker = Path(marker)

    def reset(self, num_envs: int, seed: int) -> None:
        if not self.marker.exists():
            self.marker.write_text("stale")
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))


class FullDisk(Greedy):
    """Lets its process write no files of more than so many bytes, once: the disk is full."""

    def __init__(self, marker: str, limit: int) -> None:
        self.marker, self.limit, self.episodes = Path(marker), limit, 0

    def reset(self, num_envs: int, seed: int) -> None:
        import resource
        import signal

        self.episodes += 1
        if self.episodes == 3 and not self.marker.exists():
            self.marker.write_text("full")
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an error of the write, no kill
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, hard))
