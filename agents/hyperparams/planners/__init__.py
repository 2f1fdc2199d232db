"""Hyperparameters of the planners, by entry: `default` and `published`."""
