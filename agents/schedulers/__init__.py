"""Schedulers that look ahead: late binding, and a planner that plays candidates to their end."""
