"""Accuracies of networks: measured tables, real training, NAS-Bench-201."""

from chipgym.envs.codesign.accuracy.budgeted import BudgetedProvider
from chipgym.envs.codesign.accuracy.provider import Accuracy, AccuracyProvider, Task, TrainingError
from chipgym.envs.codesign.accuracy.providers import PROVIDERS, make_provider

__all__ = [
    "PROVIDERS",
    "Accuracy",
    "AccuracyProvider",
    "BudgetedProvider",
    "Task",
    "TrainingError",
    "make_provider",
]
