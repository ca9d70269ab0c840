"""Names that a script of SQL leaves to the search path: functions, operators, types and relations.

The script is parsed by PostgreSQL's own grammar (pglast), bodies of functions in SQL and PL/pgSQL and of DO blocks too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pglast import parse_plpgsql, parse_sql
from pglast.enums import A_Expr_Kind
from pglast.visitors import Visitor

KEYWORDS = {A_Expr_Kind.AEXPR_BETWEEN, A_Expr_Kind.AEXPR_NOT_BETWEEN, A_Expr_Kind.AEXPR_BETWEEN_SYM}
"""Whose comparisons are looked up though the grammar names the keyword."""

WHOLE, VALUE = 0, 2
"""How PL/pgSQL parses a text: as a statement, or as a value; more than these are assignments."""

ASSIGNMENT = re.compile(r"^[\w.\[\]]+\s*:?=\s*")
DECLARED = re.compile(r"^\s*(\w+)\s+(?:constant\s+)?([\w.]+)", re.IGNORECASE)


class _Names(Visitor):
    """Collects what is unqualified in a parsed script."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.relations: list[str] = []
        self.ctes: set[str] = set()

    def visit_CommonTableExpr(self, _: Any, node: Any) -> None:
        self.ctes.add(node.ctename)

    def visit_FuncCall(self, _: Any, node: Any) -> None:
        if len(node.funcname) == 1:
            self.found.append(f"function {node.funcname[0].sval}")

    def visit_TypeName(self, _: Any, node: Any) -> None:
        if node.names and len(node.names) == 1:
            self.found.append(f"type {node.names[0].sval}")

    def visit_A_Expr(self, _: Any, node: Any) -> None:
        if len(node.name) == 1 or node.kind in KEYWORDS:
            self.found.append(f"operator {node.name[-1].sval}")

    def visit_SubLink(self, _: Any, node: Any) -> None:
        if node.testexpr is not None and (node.operName is None or len(node.operName) == 1):
            self.found.append("operator of a subquery")

    def visit_CaseExpr(self, _: Any, node: Any) -> None:
        if node.arg is not None:
            self.found.append("operator = of CASE")

    def visit_JoinExpr(self, _: Any, node: Any) -> None:
        if node.usingClause or node.isNatural:
            self.found.append("operator = of JOIN USING")

    def visit_SortBy(self, _: Any, node: Any) -> None:
        if node.useOp and len(node.useOp) == 1:
            self.found.append(f"operator {node.useOp[0].sval} of ORDER BY USING")

    def visit_RangeVar(self, _: Any, node: Any) -> None:
        if node.schemaname is None:
            self.relations.append(node.relname)

    def visit_CreateFunctionStmt(self, _: Any, node: Any) -> None:
        if len(node.funcname) == 1:
            self.found.append(f"new function {node.funcname[0].sval}")


def unqualified(script: str) -> list[str]:
    """Return what a script leaves to the search path.

    Parameters
    ----------
    script : str
        Statements of SQL; lines for psql (``\\echo``) are passed over.

    Returns
    -------
    list of str
        Such as ``"function unnest"``; one for each place. Empty where everything is qualified.
    """
    text = re.sub(r"^\s*\\.*$", "", script, flags=re.MULTILINE)
    found: list[str] = []
    for raw in parse_sql(text):
        statement = text.encode()[raw.stmt_location :]
        statement = statement[: raw.stmt_len] if raw.stmt_len else statement
        found += _of_parsed(raw.stmt)
        kind = type(raw.stmt).__name__
        options = {option.defname: option.arg for option in getattr(raw.stmt, "options", None) or ()}
        if kind == "DoStmt":
            found += _of_plpgsql(statement.decode())
        elif kind != "CreateFunctionStmt" or "as" not in options:
            continue  # a body after RETURN or BEGIN ATOMIC is part of the statement
        elif options["language"].sval == "sql":
            found += unqualified(options["as"][0].sval)
        elif options["language"].sval == "plpgsql":
            found += _of_plpgsql(statement.decode())
    return found


def _of_parsed(node: Any) -> list[str]:
    visitor = _Names()
    visitor(node)
    return visitor.found + [f"relation {name}" for name in visitor.relations if name not in visitor.ctes]


def _of_plpgsql(statement: str) -> Iterator[str]:
    for function in parse_plpgsql(statement):
        for query in _expressions(function):
            for parsed in parse_sql(query):
                yield from _of_parsed(parsed.stmt)
    declared = re.search(r"\bdeclare\b(.*?)\bbegin\b", statement, re.DOTALL | re.IGNORECASE)
    for line in declared[1].split(";") if declared else ():
        match = DECLARED.match(line.strip())
        if match and "." not in match[2] and match[2].lower() not in {"record", "cursor"}:
            yield f"type {match[2]}"


def _expressions(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for child in node:
            yield from _expressions(child)
    elif isinstance(node, dict):
        for name, child in node.items():
            if name == "PLpgSQL_expr":
                query, mode = child["query"], child.get("parseMode", WHOLE)
                yield query if mode == WHOLE else f"select {query if mode == VALUE else ASSIGNMENT.sub('', query)}"
            else:
                yield from _expressions(child)
