"""Formats that a trained model is written in; each is one small file with its registered exporter."""
