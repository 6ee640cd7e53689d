"""Settings of training data: tokens and windows."""

import dataclasses

from dfplan.types import UserError, check_choice
from dfplan.util.validate import check_integers, check_numbers, invalid, is_integer, set_tuple

FRAMES = ("last", "stack")
GOALS = ("state", "reward")
SOURCES = ("auto", "memory", "stream")
MAX_TOKENS = 10_000
MAX_STRIDE = 100_000
MAX_DECAY = 1000.0
MAX_THREADS = 1000


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Settings that turn trajectories into token sequences.

    Attributes:
        stride: Control steps per token.
        frames: States per token: "last" for the state at the token's own step, or "stack" for
            all `stride` states up to it (Diffusion Forcing's frame stacking).
        actions: Whether tokens also hold the `stride` actions before their step (for diffused
            actions).
        tokens: State tokens per training window, without the goal token; 0 derives the number from
            how long goals last in the data (`dfplan.data.goal_intervals`).
        goal_horizon: Maximum distance of hindsight goals, in tokens; 0 means `tokens`.
        goal_decay: Decay rate of hindsight distances, which have a density proportional to
            exp(-goal_decay * distance / goal_horizon).
        start_fraction: Share of windows that begin at an episode's first step, like a plan after a
            reset; the others begin anywhere.
        before_start: Maximum number of tokens by which windows of `start_fraction` begin before
            their episode. These tokens are missing, as in a planner's history early in an episode,
            for which one less than `planner.history.tokens` is enough.
        plan_dims: State dimensions that are planned, including those of goals; empty for all. For a
            robot with many joints, a plan of its position can be enough, as low-level controllers
            see the whole present state. All other dimensions of planned states are NaN.
        rest_dims: State dimensions that are zero at rest. States at or after the goal repeat the
            goal's state with these dimensions at zero, so that plans learn to arrive and stay.
            With `actions`, sequences end at the goal instead, as no action is known that stays.
        stitch: Whether windows pass from one episode to another where these meet in the goal's
            dimensions, on short routes to random goals, so that plans can be longer than any
            episode; see `dfplan.data.stitch`. Needs tokens of single states without actions. The
            settings `goal_decay`, `goal_horizon` and `start_fraction` then have no effect.
        split_at_chance: Whether episodes are split where a step's outcome was random, so that plans
            do not rely on lucky outcomes; see `dfplan.data.chance`. Needs goals that are states.
        single_moves: Whether each window shows a single move and only the objects that it changes,
            for the planner "subgoals". A move is a part of an episode in which objects change until
            all are at rest again; see `dfplan.data.moves`. Needs a task that declares its objects.
            The goal is the end of the move, so `goal_decay` has no effect.
        move_lead: Maximum number of tokens by which windows of `single_moves` begin before the
            previous move is over.
        move_tail: Maximum number of tokens by which they end after the move, so that plans also
            let go of the object.
        goal: Purpose of plans: "state" to reach a state (or to imitate, without goal dimensions),
            or "reward" to maximize reward. With "reward", the first token holds the quantile of
            the window's return; see `TokenLayout.return_quantile_token`.
        source: Where training reads from: "memory", or "stream" for shards on disk (extra `scale`),
            with the same batches; "auto" chooses by the size of the data.
        threads: Threads that read batches ahead from shards.

    Raises:
        UserError: If a value is out of range.
    """

    stride: int = 1
    frames: str = "last"
    actions: bool = False
    tokens: int = 32
    goal_horizon: int = 0
    goal_decay: float = 1.0
    start_fraction: float = 0.0
    before_start: int = 0
    plan_dims: tuple[int, ...] = ()
    rest_dims: tuple[int, ...] = ()
    stitch: bool = False
    split_at_chance: bool = False
    single_moves: bool = False
    move_lead: int = 0
    move_tail: int = 2
    goal: str = "state"
    source: str = "auto"
    threads: int = 2

    def __post_init__(self):
        check_choice("data.goal", self.goal, GOALS)
        check_choice("data.frames", self.frames, FRAMES)
        check_choice("data.source", self.source, SOURCES)
        check_integers(self, "data.", minimum=1, names=["threads"], maximum=MAX_THREADS)
        if not is_integer(self.tokens) or not (2 <= self.tokens <= MAX_TOKENS or self.tokens == 0):
            valid = f"an integer from 2 to {MAX_TOKENS}, or 0 (automatic)"
            raise invalid("data.tokens", self.tokens, valid)
        check_integers(self, "data.", minimum=1, names=["stride"], maximum=MAX_STRIDE)
        names = ["goal_horizon", "before_start", "move_lead", "move_tail"]
        check_integers(self, "data.", minimum=0, names=names, maximum=MAX_TOKENS)
        check_numbers(self, "data.", ["goal_decay"], high=MAX_DECAY)
        check_numbers(self, "data.", ["start_fraction"], high=1.0)
        if self.tokens and self.before_start >= self.tokens:
            raise UserError(
                f"data.before_start {self.before_start} leaves no token of the episode in a window "
                f"of {self.tokens}; valid: 0 to {self.tokens - 1}"
            )
        if self.split_at_chance and self.goal != "state":
            raise UserError(
                "data.split_at_chance needs goal states; valid with it: data.goal state"
            )
        if self.single_moves and (self.stitch or self.actions or self.goal != "state"):
            raise UserError(
                "data.single_moves needs goals that are states, tokens without actions and windows "
                "within an episode; valid with it: data.goal state, data.actions false, "
                "data.stitch false"
            )
        for name in ("plan_dims", "rest_dims"):
            set_tuple(self, name)
        if self.plan_dims and self.goal == "reward":
            raise UserError(
                f"data.goal 'reward' needs plans of whole states, not of data.plan_dims "
                f"{list(self.plan_dims)}; valid: state"
            )
        if self.stitch and (self.actions or self.frames != "last" or self.goal != "state"):
            raise UserError(
                "data.stitch needs tokens of single states and goal states; valid with it: "
                "data.actions false, data.frames last, data.goal state"
            )

    @property
    def needs_memory(self) -> tuple[str, ...]:
        """Settings that need the whole dataset in memory, as the user would write them."""
        settings = {
            "data.stitch": self.stitch,
            "data.single_moves": self.single_moves,
            "data.goal reward": self.goal == "reward",
        }
        return tuple(name for name, is_set in settings.items() if is_set)
