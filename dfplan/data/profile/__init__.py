"""Profile: what a dataset holds, measured episode by episode, and what would hurt training."""
