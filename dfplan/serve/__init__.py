"""Policy server: a planner that drives robots over websockets, in openpi's protocol."""
