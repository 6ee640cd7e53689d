"""Client: drive a robot by a policy server, without JAX."""

from dfplan.client.agent import RemoteAgent as RemoteAgent
from dfplan.client.agent import Status as Status
from dfplan.client.connecting import connect as connect
