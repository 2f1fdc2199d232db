"""The protocols of agents, the problem view they read, and the registry of policies."""
