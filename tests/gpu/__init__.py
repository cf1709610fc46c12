"""What only a machine with an NVIDIA GPU can tell: see the section "On a GPU" of tests/benchmarks/README.md."""
