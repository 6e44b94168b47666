"""From the spool to the bucket."""
