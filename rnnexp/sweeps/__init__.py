"""Many runs: launched together, never lost, stopped early, summed up."""
