"""Searchers: propose a design, learn from its score."""
