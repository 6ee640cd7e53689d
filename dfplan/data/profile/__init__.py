"""Profile: statistics of a dataset, measured episode by episode, and problems for training."""
