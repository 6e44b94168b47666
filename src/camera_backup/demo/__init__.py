"""A camera, a bucket and the real processes on one machine, to see the product work."""
