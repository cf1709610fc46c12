"""rnnexp: a few lines of YAML into a trained, tracked, reproducible recurrent network."""
