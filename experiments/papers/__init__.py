"""Studies that repeat published experiments, one package each."""
