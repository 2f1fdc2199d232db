"""Trackers: where the numbers of a training go while it runs, beside the run's own files."""

from chipgym.experiments.tracking.base import (
    DEFAULT_TRACKERS,
    Tracker,
    Tracking,
    check_trackers,
    tracker_names,
)

__all__ = ["DEFAULT_TRACKERS", "Tracker", "Tracking", "check_trackers", "tracker_names"]
