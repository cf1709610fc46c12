"""Examples with several inputs each: what they are, how they are read, and what a network sees of them."""
