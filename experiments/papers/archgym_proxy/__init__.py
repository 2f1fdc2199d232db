"""Proxy cost models of memory controllers, trained on what searches have logged."""
