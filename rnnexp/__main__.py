"""`python -m rnnexp` is the command `rnnexp`."""

from rnnexp.cli.main import entry

if __name__ == "__main__":
    entry()
