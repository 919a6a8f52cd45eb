"""The peers: each module has ``app``, as its framework's documentation would write it.

``PATHS`` of a module says where its workloads are, if elsewhere than those in ``checks.py``.
"""

import os
from pathlib import Path

from sqlalchemy import make_url

URL = make_url(os.environ["BENCH_URL"])
SQLITE = URL.get_backend_name() == "sqlite"
PLAIN_URL = URL.render_as_string(hide_password=False)
ASYNC_URL = URL.set(drivername="sqlite+aiosqlite" if SQLITE else "postgresql+asyncpg").render_as_string(
    hide_password=False
)
TEMPLATES = str(Path(__file__).parent.parent / "templates")
SECRET_KEY = "5d0c3f8b1e7a49c2a6b84f90d1e37c58b2a9e6f4c7d81035"
