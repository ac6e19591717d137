"""Adapters for frameworks, each importing its framework and imported by nobody here."""
