"""Training paradigms rolled out beyond their training windows, and one network in three uses."""
