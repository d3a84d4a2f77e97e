"""Calls between two people: ringing over Socket.IO, sound and picture through the media plane."""
