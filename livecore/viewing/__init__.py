"""Views and watch time of whatever people watch: videos, posts and running lives, of any kind whose owner keeps `ports.Viewed`."""
