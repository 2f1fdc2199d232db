"""Agents: heuristics, search and reinforcement learning behind two small protocols."""
