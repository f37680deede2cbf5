"""A second distribution, made as a stranger would make it."""
