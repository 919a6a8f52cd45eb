"""What a peer costs before its first request: milliseconds of CPU to import it, and MiB of memory then (on Linux).

python bench/start.py flaskkit_resource      [412.5, 72.1]
"""

import importlib
import json
import os
import sys
import time
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
# What pip installed is compiled; what stands in this repository is so after the first time.
sys.dont_write_bytecode = False
began = time.process_time()
importlib.import_module(f"peers.{sys.argv[1]}")
spent = (time.process_time() - began) * 1e3
# Not getrusage(): its maximum is inherited from the process that started this one.
pages = Path("/proc/self/statm")
held = int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20 if pages.exists() else 0
print(json.dumps([spent, held]))
