"""Texts with a label each: read strictly, cut into tokens, numbered by a vocabulary of the training part."""
