"""Published comparisons: one folder each, with what it runs and the table it printed."""
