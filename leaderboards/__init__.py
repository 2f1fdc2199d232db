"""Leaderboards: submissions of artefacts, their verification, the ranking and its static site."""
