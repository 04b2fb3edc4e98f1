"""Measurements of our promises; each module prints one line of JSON."""
