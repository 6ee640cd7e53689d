"""`dfplan serve`."""

import dataclasses
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Literal

import tyro

from dfplan.cli.common import Flag, Numbers, RunDir, Text, console
from dfplan.cli.runs import parse_with_run
from dfplan.planner.config import PlannerConfig
from dfplan.serve.settings import BatchSettings, Limits, RobotSettings
from dfplan.types import UserError
from dfplan.util.optional import import_optional
from dfplan.wire import keys
from dfplan.wire.api_key import check_api_key

LIBRARIES = ("msgpack", "websockets", "prometheus_client")
MAX_PORT = 65535


@dataclasses.dataclass(frozen=True)
class Args:
    """Serve a trained planner to robots over websockets, in openpi's protocol or RoboArena's.

    Every connection is a robot with its own history, plan and random seed.
    Stops on Ctrl-C or SIGTERM, after answering the requests that have arrived.

    Attributes:
        run: Run directory, or a task name for its pretrained planner (see `dfplan tasks`); must
            precede the options.
        host: Address to listen on; only programs on this machine reach the default.
        port: Port; 0 takes a free one.
        api_key: Key that robots must send in the header `Authorization: Api-Key KEY`. The
            environment variable DFPLAN_API_KEY sets it without showing it to other users.
        goal: Goal of requests that hold none, one number per goal dimension.
        dialect: Form of the messages: "openpi", "roboarena", or one that another package registers.
            "roboarena:action_space=joint_velocity" declares what actions are, "joint_position" by
            default.
        log: Format of the log on standard error: one line of text or of JSON per event.
        trust_code: Import all code that the run names, also from the current directory; by default
            only what installed packages declare.
    """

    run: RunDir
    host: str = "127.0.0.1"
    port: int = keys.DEFAULT_PORT
    api_key: Text = None
    goal: Numbers = ()
    dialect: str = "openpi"
    log: Annotated[Literal["text", "json"], tyro.conf.arg(help_behavior_hint="")] = "text"
    trust_code: Flag = False
    robots: RobotSettings = RobotSettings()
    batch: BatchSettings = BatchSettings()
    limits: Limits = Limits()
    planner: PlannerConfig = PlannerConfig()


def main(argv: Sequence[str]) -> int:
    """Serve a run until a signal ends it."""
    for library in LIBRARIES:
        import_optional(library, "serve", "dfplan serve")
    # These modules import the libraries.
    from dfplan.serve.dialects import make_dialect
    from dfplan.serve.events import EventLog
    from dfplan.serve.fleet import Fleet
    from dfplan.serve.metrics import Metrics
    from dfplan.serve.server import PolicyServer, check_address, is_loopback, run_until_signal

    args, resolved = parse_with_run(Args, "serve", argv)
    if not 0 <= args.port <= MAX_PORT:
        raise UserError(f"--port must be from 0 to {MAX_PORT}, got {args.port}")
    api_key = args.api_key or os.environ.get(keys.API_KEY_VARIABLE, "")
    check_api_key("--api-key" if args.api_key else keys.API_KEY_VARIABLE, api_key)
    dialect = make_dialect(args.dialect)
    if not api_key and not is_loopback(args.host):
        warnings.warn(
            f"anyone who reaches {args.host}:{args.port} can use this planner; set --api-key or "
            f"{keys.API_KEY_VARIABLE}, or listen on 127.0.0.1",
            stacklevel=2,
        )
    check_address(args.host, args.port)
    metrics = Metrics()
    fleet = Fleet(
        resolved.run,
        resolved.load_weights(),
        name=resolved.name,
        settings=args.robots,
        goal=args.goal,
        dialect=dialect,
        batches=args.batch,
        on_batch=metrics.batch.observe,
    )
    console.print(f"compiling the planner of {resolved.name}; this may take minutes the first time")
    fleet.compile()
    events = EventLog(sys.stderr, args.log)
    server = PolicyServer(
        fleet, metrics=metrics, limits=args.limits, api_key=api_key, events=events
    )

    def announce(port: int) -> None:
        host = f"[{args.host}]" if ":" in args.host else args.host
        console.print(f"serving {resolved.name} on ws://{host}:{port}")

    run_until_signal(server, args.host, args.port, announce)
    return 0
