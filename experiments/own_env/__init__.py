"""Reacher and Pusher from the data of mediocre controllers, compared with behavior cloning."""
