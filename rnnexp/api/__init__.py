"""What `import rnnexp as rx` gives a program: runs, sweeps and trained models, with the words of the command line."""
