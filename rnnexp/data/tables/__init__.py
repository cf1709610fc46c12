"""Reading tables strictly: every cell that is used is either understood or reported with its place."""
