"""Runtimes beside torch that play a model exported from it. Importing this costs no torch."""
