"""What the screens are made of: charts over numpy columns, and one pane a file."""
