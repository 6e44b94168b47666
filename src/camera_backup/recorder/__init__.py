"""From a source to the spool: one camera, cut into segments."""
