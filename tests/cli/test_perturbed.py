"""`dfplan eval --perturb`: what the agent sees is worse, what is scored is not."""

import json

SHORT = ["--episodes", "4", "--seed", "7000", "--max-steps", "150", "--baselines"]


def test_perturbations_are_seen_by_the_agent_and_named_in_the_result(dfplan, run):
    def evaluate(*args):
        done = dfplan("eval", run, *SHORT, *args, "--json", "e.json")
        assert (done.code, done.err) == (0, "")
        with open("e.json") as file:
            return json.load(file)

    clean = evaluate()
    assert clean["perturbations"] == [] and clean["planner"]["missing"] is False
    texts = ["obs_dropout=0.5", "push=2,duration=5,period=5"]
    worse = evaluate(*(arg for text in texts for arg in ("--perturb", text)))
    assert worse["perturbations"] == texts
    assert worse["planner"] == {**clean["planner"], "missing": True}
    assert worse["baselines"]["random"] != clean["baselines"]["random"]  # it is pushed, too

    # Noise of kilometres on what is seen of the robot; it is scored where it is.
    noise = ["1000", "1000", "0", "0"]
    lost = evaluate(
        *(
            "--perturb",
            f"obs_noise={','.join(noise)}",
            "--planner.sensing.observation-noise",
            *noise,
        )
    )
    assert lost["planner"]["observation_noise"] == [1000, 1000, 0, 0]
    assert lost["baselines"]["random"] == clean["baselines"]["random"]  # it looks at nothing
    assert lost["baselines"]["controller"] != clean["baselines"]["controller"]
