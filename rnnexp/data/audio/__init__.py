"""Recordings of sound: reading them, and the features that a network sees."""
