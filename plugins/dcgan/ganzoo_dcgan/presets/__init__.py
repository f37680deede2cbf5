"""Presets of DCGAN."""
