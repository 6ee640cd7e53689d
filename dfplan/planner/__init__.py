"""The receding-horizon planner."""
