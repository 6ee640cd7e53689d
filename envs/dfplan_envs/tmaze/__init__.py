"""A T-maze whose cue, shown at the start alone, names the arm to go to."""
