"""Hyperparameters as data: one YAML file an algorithm, keyed by environment id and scenario."""
