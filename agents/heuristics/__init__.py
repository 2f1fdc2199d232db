"""Scheduling heuristics as policies on the problem view, one decision at a time."""
