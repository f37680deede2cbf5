"""Presets of InfoGAN."""
