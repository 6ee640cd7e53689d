"""How far errors compound in open-loop rollouts of robots with contacts, by training paradigm."""
