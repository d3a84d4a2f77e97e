"""Videos: kept, made ready, watched, liked, talked about, shared, downloaded, taken down."""
