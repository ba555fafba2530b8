"""Runs as text: one line an event, tables, and later the report."""
