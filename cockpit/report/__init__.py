"""Runs and campaigns as text: one line an event, tables, figures, and the report as a web page."""
