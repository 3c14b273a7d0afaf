"""StreamHub: a real-time messaging and file-sharing server on one actor system."""

__version__ = "0.1.0"
