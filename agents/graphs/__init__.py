"""And-inverter graphs as batches for graph networks."""
