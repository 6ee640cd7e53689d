"""Names in the messages between a policy server and its robots.

A request is a dict of the observation and, where needed, the keys of the first group beside it;
every other entry belongs to the observation or is ignored.
"""

# Requests
ENDPOINT = "endpoint"
"""What is asked for: `INFER`, the default, or `RESET`."""
INFER = "infer"
RESET = "reset"
"""As a key: true begins an episode with this observation."""
SESSION_ID = "session_id"
"""Text that names the episode; one that differs from the last begins an episode."""
SEED = "seed"
"""Seed of the plans, read where an episode begins."""
GOAL = "goal"
"""Goal `[G]`, SI units, instead of the observation's."""
EXECUTED = "executed"
"""Actions of the last chunk that have been executed: control steps since the last request."""
ACTION_HORIZON = "action_horizon"
"""Actions that the reply should hold, at most those of the metadata, which has the same key."""
RETURN_PLAN = "return_plan"
"""True asks for the plan's states."""

# Replies
ACTIONS = "actions"
"""`[horizon, A]` float32, the first one for the observed control step."""
STATES = "states"
"""`[horizon, S]` states that are expected at the control steps of the actions."""
PLAN = "plan"
"""The active plan, as lists."""
POLICY_TIMING = "policy_timing"
SERVER_TIMING = "server_timing"
INFER_MS = "infer_ms"
PREV_TOTAL_MS = "prev_total_ms"
STATUS = "status"
RESET_DONE = "reset successful"

# Metadata
ACTION_DIM = "action_dim"
EXECUTION_HORIZON = "execution_horizon"
CONTROL_DT = "control_dt"
"""Seconds per control step, or None if the run does not know."""

# HTTP
HEALTH_PATH = "/healthz"
METRICS_PATH = "/metrics"
API_KEY_HEADER = "Authorization"
API_KEY_SCHEME = "Api-Key"
API_KEY_VARIABLE = "DFPLAN_API_KEY"
DEFAULT_PORT = 8000

# Close codes of RFC 6455, section 7.4.1
GOING_AWAY = 1001
INTERNAL_ERROR = 1011
