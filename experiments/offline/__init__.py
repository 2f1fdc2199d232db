"""Recorded episodes: made from policies and finished runs, kept as Minari and Parquet datasets."""
