"""Constants of PointMaze's ball and control step, from Gymnasium-Robotics' point.xml.

They are written down here, not read from a compiled model, so that trackers and the closed-form
physics can use them without MuJoCo. A test compares them with the compiled model.
"""

import math

DT = 0.01
"""Seconds per control step; one control step is one MuJoCo step."""
MAX_SPEED = 5.0
"""Limit to which each velocity component is clipped before a step, in meters per second."""
RADIUS = 0.1
"""Radius of the ball, in meters."""
DENSITY = 1000
"""Density of the ball, in kilograms per cubic meter."""
MASS = 4 / 3 * math.pi * RADIUS**3 * DENSITY
"""Mass of the ball, in kilograms."""
FORCE = 100.0
"""Force of action 1 along an axis (the motor's gear), in newtons."""
DAMPING = 1.0
"""Joint damping along an axis, in newtons per meter per second."""
ACCELERATION = FORCE / MASS
"""Acceleration by action 1 along an axis, in meters per second squared: 23.9."""
DRAG = DAMPING / MASS
"""Deceleration per unit of speed, in 1/s: 0.24."""
TOP_SPEED = (MASS * MAX_SPEED + DT * FORCE) / (MASS + DT * DAMPING)
"""Top speed along an axis, in meters per second: 5.23.

Velocity is clipped before a step, and the step's own force adds to it.
"""
