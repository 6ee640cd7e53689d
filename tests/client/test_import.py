import subprocess
import sys

PROGRAM = """
import sys
sys.modules["msgpack"] = None  # as if it was not installed
import dfplan.client
from dfplan.types import UserError
print(sorted({name.split(".")[0] for name in sys.modules} & {"jax", "flax", "gymnasium", "minari"}))
try:
    dfplan.client.connect("localhost")
except UserError as error:
    print(error)
"""


def test_the_client_needs_no_jax_and_names_the_extra_that_it_needs():
    output = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    ).stdout
    heavy, error = output.splitlines()
    assert heavy == "[]"
    assert "msgpack" in error and "dfplan[serve]" in error
