"""The app, for `flask run` and for servers: gunicorn wsgi:app"""

import os
from pathlib import Path

from flaskkit import Config, create_app

app = create_app(Config.load("fieldnotes", toml=Path(__file__).with_name("app.toml"), environ=os.environ))
