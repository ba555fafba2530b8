"""The report of a run or a campaign as one self-contained web page."""
