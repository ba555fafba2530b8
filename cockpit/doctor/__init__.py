"""What stands between a researcher and a run on this machine: `cockpit doctor`."""
