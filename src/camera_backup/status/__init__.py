"""What every camera and the uploader are doing."""
