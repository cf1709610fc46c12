"""Reading what many runs have left: tables, tests, differences, the winner's experiment, reports."""
