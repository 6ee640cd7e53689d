"""A dataset in memory with the interface of one on disk, for tests that need no files."""

import dataclasses

from dfplan.data.trajectories import Trajectories


class Rows:
    """Rows in memory, with the methods of `MappedRows`."""

    def __init__(self, array):
        self.array = array
        self.columns = array.shape[1]
        self.releases = 0

    def __len__(self):
        return len(self.array)

    def take(self, rows):
        return self.array[rows]

    def release(self):
        self.releases += 1


def on_disk(data: Trajectories):
    """The part of `ShardedTrajectories` that a stream reads."""
    fields = {f.name: getattr(data, f.name) for f in dataclasses.fields(data)}
    rows = {"state": Rows(data.state), "action": Rows(data.action)}
    return type("Shards", (), {**fields, **rows})
