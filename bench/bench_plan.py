#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Planning beside DuckDB, 1 and 10 million rows: plan/run.py. Usage: bench_plan.py BUILD"""
import subprocess
import sys
from pathlib import Path

for rows, runs in ((1000000, 5), (10000000, 3)):
    subprocess.run([sys.executable, Path(__file__).resolve().parent / "plan" / "run.py", "--rows", str(rows),
                    "--runs", str(runs), "--build", sys.argv[1]], check=True)
