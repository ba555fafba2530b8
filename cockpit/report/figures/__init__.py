"""Figures of a run or a campaign as SVG, drawn from numbers alone."""
