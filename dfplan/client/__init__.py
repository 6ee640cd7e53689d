"""Client of a policy server: drives a robot, without JAX."""

from dfplan.client.agent import RemoteAgent as RemoteAgent
from dfplan.client.agent import Status as Status
from dfplan.client.connecting import connect as connect
