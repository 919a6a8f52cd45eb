"""Changes to Python files: a line among the imports, a resource among those of a module."""

from __future__ import annotations

import ast

import click


def with_import(text: str, line: str) -> str:
    """Return Python source with *line* behind its last import."""
    if line in text.splitlines():
        return text
    imports = [node for node in ast.parse(text).body if isinstance(node, ast.Import | ast.ImportFrom)]
    lines = text.splitlines(keepends=True)
    if imports:
        at = imports[-1].end_lineno or 0
        # One of the project's own goes below those of other packages, with a line between.
        package = line.split()[1].partition(".")[0]
        apart = [] if (getattr(imports[-1], "module", None) or "").partition(".")[0] == package else ["\n"]
        return "".join([*lines[:at], *apart, f"{line}\n", *lines[at:]])
    body = ast.parse(text).body
    documented = body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    at = (body[0].end_lineno or 0) if documented else 0
    return "".join([*lines[:at], "\n" if at else "", f"{line}\n", *lines[at:]])


def with_resource(text: str, name: str) -> str:
    """Return Python source in which ``module = Module(…)`` has *name* as the last one of its resources.

    Raises:
        ClickException: there is no such line, or its resources are no list.
    """
    call = _module_call(text)
    given = next((one.value for one in call.keywords if one.arg == "resources"), None)
    if given is None:
        return _inserted(
            text,
            call.end_lineno,
            call.end_col_offset,
            f", resources=[{name}]" if _has_any(call) else f"resources=[{name}]",
        )
    if not isinstance(given, ast.List | ast.Tuple):
        raise click.ClickException(f"The resources of the module are no list. Add {name} to them by hand.")
    if not given.elts:
        return _inserted(text, given.end_lineno, given.end_col_offset, name)
    last = given.elts[-1]
    # Behind the last one; a comma that follows it, and the end of its line, stay where they are.
    return _inserted(text, last.end_lineno, (last.end_col_offset or 0) + 1, f", {name}")


def _module_call(text: str) -> ast.Call:
    for node in ast.parse(text).body:
        value = getattr(node, "value", None)
        targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
        if any(isinstance(one, ast.Name) and one.id == "module" for one in targets) and isinstance(value, ast.Call):
            return value
    raise click.ClickException("There is no line module = Module(…). Add the resource by hand.")


def _has_any(call: ast.Call) -> bool:
    return bool(call.args or call.keywords)


def _inserted(text: str, line: int | None, column: int | None, new: str) -> str:
    """Return *text* with *new* before the last character that ends at *line* and *column* (in bytes), as ast counts."""
    lines = text.splitlines(keepends=True)
    encoded = lines[(line or 1) - 1].encode()
    at = (column or 1) - 1
    lines[(line or 1) - 1] = (encoded[:at] + new.encode() + encoded[at:]).decode()
    return "".join(lines)
