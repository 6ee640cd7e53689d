import subprocess
import sys

PROGRAM = """
import sys
import dfplan.client
print(sorted({name.split(".")[0] for name in sys.modules} & {"jax", "flax", "gymnasium", "minari"}))
"""


def test_the_client_needs_no_jax():
    output = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == "[]"
