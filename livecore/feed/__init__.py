"""Posts, and the feed that brings videos, lives and posts together."""
