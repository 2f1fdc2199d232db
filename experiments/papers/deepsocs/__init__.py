"""Learned schedulers of a heterogeneous SoC against earliest task first."""
