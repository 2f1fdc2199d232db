"""SoC scheduling environments: ready tasks of streaming DAG jobs onto processing elements."""
