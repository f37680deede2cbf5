"""Scores of trained models: of their codes, of their samples, of their disentanglement."""
