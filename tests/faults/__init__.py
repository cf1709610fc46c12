"""The fault plan: its cases, the tests that exercise them, and what became of these last."""
