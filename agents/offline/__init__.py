"""Offline learning: policies trained on recorded episodes, without an environment."""
