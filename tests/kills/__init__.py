"""Trainings that are killed at random moments, and go on from what they have left on the disk."""
