"""Commands for every day, ``flask kit …``. No app imports them: a command is loaded when it is asked for.

printing.py    tables for people, JSON for programs
listing.py     features, settings, routes
checks.py      Check: what is looked for, why, and the fix; collecting and silencing
checking.py    flask kit check
steps.py       Step: one thing that happens with a request
explain.py     flask kit explain
shell.py       flask kit shell
dev.py         flask kit dev
sound.py       the checks that need no feature: secrets, cookies, routes, resources, versions
"""

COMMANDS = {
    "features": "flaskkit.tools.listing:features",
    "settings": "flaskkit.tools.listing:settings",
    "routes": "flaskkit.tools.listing:routes",
    "check": "flaskkit.tools.checking:check",
    "shell": "flaskkit.tools.shell:shell",
    "add": "flaskkit.scaffold.add:add",
    "dev": "flaskkit.tools.dev:dev",
    "upgrade": "flaskkit.scaffold.upgrade:upgrade",
    "explain": "flaskkit.tools.explain:explain",
}
