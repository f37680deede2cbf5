"""A beta-VAE as a plugin of ganzoo."""
