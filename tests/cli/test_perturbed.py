"""`dfplan eval --perturb`: perturbed observations for the agent, true states for the score."""

import json

SHORT = ["--episodes", "4", "--seed", "7000", "--max-steps", "150", "--baselines"]


def test_perturbations_affect_the_agent_and_are_listed_in_the_result(dfplan, run):
    def evaluate(*args):
        done = dfplan("eval", run, *SHORT, *args, "--json", "e.json")
        assert (done.code, done.err) == (0, "")
        with open("e.json") as file:
            return json.load(file)

    clean = evaluate()
    assert clean["perturbations"] == [] and clean["planner"]["sensing"]["missing"] is False
    texts = ["obs_dropout=0.5", "push=2,duration=5,period=5"]
    perturbed = evaluate(*(arg for text in texts for arg in ("--perturb", text)))
    assert perturbed["perturbations"] == texts
    sensing = {**clean["planner"]["sensing"], "missing": True}
    assert perturbed["planner"] == {**clean["planner"], "sensing": sensing}
    assert (
        perturbed["baselines"]["random"] != clean["baselines"]["random"]
    )  # The random policy is pushed, too.

    # Observed positions are off by kilometers; the score uses the true ones.
    noise = ["1000", "1000", "0", "0"]
    declared = ["--planner.sensing.observation-noise", *noise]
    lost = evaluate("--perturb", f"obs_noise={','.join(noise)}", *declared)
    assert lost["planner"]["sensing"]["observation_noise"] == [1000, 1000, 0, 0]
    assert lost["baselines"]["random"] == clean["baselines"]["random"]  # It ignores observations.
    assert lost["baselines"]["controller"] != clean["baselines"]["controller"]
