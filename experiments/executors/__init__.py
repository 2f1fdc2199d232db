"""Executors: where jobs run. All give the same results; only the speed differs."""

from chipgym.experiments.executors.base import Executor, executor_names, make_executor

__all__ = ["Executor", "executor_names", "make_executor"]
