"""livecore: a real-time messaging and live-stream server."""

__version__ = "0.1.0"
