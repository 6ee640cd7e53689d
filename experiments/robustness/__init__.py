"""The planner under noise, dropouts and pushes."""
