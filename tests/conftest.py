"""What holds for all tests."""

import sys

# Also where Python is told to keep nothing: each worker would rewrite all tests in each run.
sys.dont_write_bytecode = False
