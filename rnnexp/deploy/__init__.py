"""Use of a trained run: forecasts for new rows, scores on other data."""
