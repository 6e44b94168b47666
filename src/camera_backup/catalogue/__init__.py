"""What is known of segments: the database."""
