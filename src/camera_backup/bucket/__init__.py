"""The bucket: what keeps footage off-site."""
