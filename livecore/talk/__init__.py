"""What people say under videos and posts, and what they like."""
