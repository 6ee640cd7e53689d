"""Planners and rankers by name, open to other packages."""

from dfplan.util.registry import Registry

PLANNERS = Registry(
    "planner",
    "dfplan.planners",
    {
        "diffusion": "dfplan.planner.diffusion_planner:DiffusionPlanner",
        "subgoals": "dfplan.planner.subgoals.planner:SubgoalPlanner",
    },
)
"""Called as `planner(model=..., config=..., horizon=..., **parameters)`; see `Planner`."""

RANKERS = Registry(
    "ranker",
    "dfplan.rankers",
    {
        "auto": "dfplan.planner.rankers.auto:make_auto_ranker",
        "arrival": "dfplan.planner.rankers.arrival:ArrivalRanker",
        "value": "dfplan.planner.rankers.value:ValueRanker",
        "action_value": "dfplan.planner.rankers.action_value:ActionValueRanker",
    },
)
"""Called as `ranker(layout=..., config=..., **parameters)`; see `Ranker`."""
