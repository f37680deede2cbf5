"""Settings under which the model is known to work."""
