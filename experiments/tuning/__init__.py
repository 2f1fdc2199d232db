"""Hyperparameter search with Optuna: `chipgym tune`."""
