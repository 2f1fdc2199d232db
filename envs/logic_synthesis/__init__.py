"""Logic synthesis: recipes of ABC commands that make a circuit small and fast."""
