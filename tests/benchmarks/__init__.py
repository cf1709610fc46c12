"""Ours beside what a user would write by hand and beside other packages; see README.md."""
