"""What is written to the system: units, sealed settings, users and folders."""
