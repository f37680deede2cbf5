"""Presets of the model, one TOML file each."""
