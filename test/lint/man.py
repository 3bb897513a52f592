#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The man page that the program makes of its own command table is well formed."""

import os
import subprocess
from pathlib import Path

from lint import Checks


def main():
    checks = Checks()
    page = Path(os.environ["STEWARD_BUILD"]) / "src" / "steward.1"
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], text=True,
                          capture_output=True)
    # A date would make builds differ.
    wrong = [line for line in done.stdout.splitlines() if "missing date" not in line]
    checks.rule("mandoc finds nothing wrong in steward.1", wrong, int(page.exists()))
    checks.finish()


main()
