"""Measurements behind `bentlight bench`; the scripts in `bench/` call the same functions."""
