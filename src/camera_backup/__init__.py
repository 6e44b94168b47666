"""Security-camera footage safely off-site, and never lost silently."""

__version__ = "0.1.0"
