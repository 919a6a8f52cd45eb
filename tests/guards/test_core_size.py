"""The core stays small: what an app may do without is a feature."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

import flaskkit

CORE = sorted(Path(flaskkit.__file__).parent.glob("*.py"))
AT_MOST = 760
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def lines_of_code(source: str) -> int:
    """Return how many lines of *source* are neither blank nor comment nor docstring."""
    told = {line for node in ast.walk(ast.parse(source)) for line in docstring_of(node)}
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type not in NO_CODE]
    return len({line for token in tokens for line in range(token.start[0], token.end[0] + 1)} - told)


def docstring_of(node: ast.AST) -> range:
    match node:
        case (
            ast.Module(body=[ast.Expr(ast.Constant(str())) as first, *_])
            | ast.ClassDef(body=[ast.Expr(ast.Constant(str())) as first, *_])
            | ast.FunctionDef(body=[ast.Expr(ast.Constant(str())) as first, *_])
        ):
            return range(first.lineno, (first.end_lineno or first.lineno) + 1)
    return range(0)


def test_the_core_stays_small():
    lines = {file.name: lines_of_code(file.read_text("utf-8")) for file in CORE}
    assert sum(lines.values()) <= AT_MOST, lines


def test_only_code_counts():
    source = '''"""A module,
over two lines."""

# A comment.
def greet(name):
    """Say hello."""
    text = """
    Hello!
    """  # three lines
    return text
'''
    assert lines_of_code(source) == 5
