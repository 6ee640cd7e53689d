"""Shards: a dataset as memory-mapped arrays on disk, for training data larger than memory.

DIR/manifest.json        layout, statistics, fingerprint and checksums; written last
DIR/length.npy           `[E]` int64, rows of each episode
DIR/goal_intervals.npy   `[K]` int64, see `dfplan.data.trajectories.Trajectories`
DIR/grid.npy             cells that the data visit in the goal's dimensions, as bits
DIR/shard-00000/         state.npy `[n, S]` and action.npy `[n, A]`, float32, and their record.json

Shards hold consecutive rows of the dataset, so that an episode may span several of them. The arrays
are those of `Trajectories`, bit by bit.
"""
