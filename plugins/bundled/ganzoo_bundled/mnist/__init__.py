"""MNIST as parquet files, with the licence of the data."""
