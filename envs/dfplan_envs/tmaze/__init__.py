"""T-maze: a cue, shown only at the start of an episode, tells which arm to enter."""
