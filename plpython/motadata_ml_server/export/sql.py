"""A stored model as one SQL expression over its feature columns.

The expression does the same arithmetic in the same order as the predictor, so its answers are
equal, NULLs and unknown categories included. It has no subqueries: PostgreSQL inlines a SQL
function made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from sqlglot import Dialect, exp
from sqlglot.expressions import Expression

from motadata_ml_server.errors import UnsupportedOperationError
from motadata_ml_server.export.sql_features import FORMS, add, number
from motadata_ml_server.export.sql_trees import MAX_TERMS, occurrences, too_large, tree_scores
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.plan_column import PlanColumn
from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.postgres.breath import no_breath
from motadata_ml_server.postgres.identifiers import quote_literal
from motadata_ml_server.prediction.runtimes.linear_model import LinearModel

Output = Literal["value", "label"]
_HINT: Final = "Use ml.predict_value or ml.predict_label."

LARGEST_EXPONENT: Final = 709.782712893384
"""exp of more is infinite in double precision."""

SMALLEST_EXPONENT: Final = -745.13
"""exp of less is 0."""


def to_sql(
    plan: Mapping[str, Any],
    kind: str,
    payload: bytes,
    *,
    task: str,
    classes: Sequence[str] | None = None,
    label_type: str | None = None,
    output: Output = "value",
    dialect: str = "postgres",
    breathe: Callable[[], None] = no_breath,
) -> str:
    """Return a model as a SQL expression.

    Parameters
    ----------
    plan : mapping
        The feature plan in JSON form.
    kind : str
        Which artifact `payload` is: 'linear' or 'onnx' (trees only).
    payload : bytes
        The artifact.
    task : str
        'classification', 'regression', 'clustering' or 'anomaly'.
    classes : sequence of str, optional
        Labels as text, in the order of the estimator's classes.
    label_type : str, optional
        What labels were in the table.
    output : 'value' or 'label'
        A double precision or a text expression.
    dialect : str
        A dialect that sqlglot writes.
    breathe : callable
        Called between the pieces of the work, so that a cancel is answered.

    Returns
    -------
    str
        The expression; column names are quoted.

    Raises
    ------
    UnsupportedOperationError
        If the model has no such form, or is too large for one.
    """
    columns = FeaturePlan.from_json(plan).columns
    if kind == ArtifactKind.LINEAR:
        model = LinearModel.from_bytes(payload)
        scores, link = _linear_scores(columns, model, breathe), model.link
        parameters: Mapping[str, Any] = model.parameters
    elif kind == ArtifactKind.ONNX:
        scores, link, parameters = tree_scores(columns, payload, breathe)
    else:
        raise UnsupportedOperationError("the model has no compiled form to write as SQL", hint=_HINT)
    if task in {"classification", "clustering"}:
        return written(_choice(scores, link, task, classes, label_type, output), dialect, breathe)
    if task in {"regression", "anomaly"}:
        value = _value(scores[0], link, parameters)
        return written(value if output == "value" else _label_of_value(value, task), dialect, breathe)
    raise UnsupportedOperationError(f"a {task} model has no single answer to write as SQL", hint=_HINT)


def written(expression: Expression, dialect: str, breathe: Callable[[], None] = no_breath) -> str:
    """Return an expression as SQL.

    In PostgreSQL a backslash in plain quotes is itself or begins an escape, as the session's
    ``standard_conforming_strings`` says; a text that has one is written so that it reads the same under both.

    Parameters
    ----------
    expression : Expression
        The expression; its literals may be replaced.
    dialect : str
        A dialect that sqlglot writes.
    breathe : callable
        Called for each node.
    """
    if dialect != "postgres":
        _check_dialect(expression, dialect, breathe)
    else:
        for literal in list(expression.find_all(exp.Literal)):
            breathe()
            if literal.is_string and "\\" in literal.this:
                literal.replace(exp.var(quote_literal(literal.this)))
    generator: Any = Dialect.get_or_raise(dialect).generator()
    write = generator.sql

    def write_and_breathe(node: Any, *args: Any, **more: Any) -> Any:
        breathe()
        return write(node, *args, **more)

    generator.sql = write_and_breathe  # each node calls it for the nodes below
    text: str = generator.generate(expression, copy=False)
    return text


def _check_dialect(result: Expression, dialect: str, breathe: Callable[[], None]) -> None:
    for variable in result.find_all(exp.Var):
        breathe()
        if "pg_catalog." not in variable.name:
            continue
        raise UnsupportedOperationError(
            f"a category is of a type whose text only PostgreSQL writes, not {dialect}",
            hint="Cast it to text in the SELECT of the training, and call the expression with that text.",
        )


def _linear_scores(columns: Sequence[PlanColumn], model: LinearModel, breathe: Callable[[], None]) -> list[Expression]:
    """Sum numbers first, then the other columns, as the row path does."""
    branches = sum(len(column.spec.get("categories") or ()) + column.width for column in columns)
    branches *= occurrences(len(model.intercepts))
    if branches > MAX_TERMS:
        raise too_large(f"with its categories it has {branches} branches, at most {MAX_TERMS}")
    plain = [column for column in columns if column.one_number]
    others = [column for column in columns if not column.one_number]
    scores = []
    for output, intercept in enumerate(model.intercepts.tolist()):
        terms = [number(intercept)]
        for column in [*plain, *others]:
            block = model.weights[output : output + 1, column.start : column.start + column.width]
            breathe()
            if block.any():
                terms += FORMS[column.kind].share(column, block)
        scores.append(add(terms))
    return scores


def _choice(
    scores: Sequence[Expression],
    link: str,
    task: str,
    classes: Sequence[str] | None,
    label_type: str | None,
    output: Output,
) -> Expression:
    count = 2 if len(scores) == 1 else len(scores)
    labels = list(classes) if task == "classification" and classes else [str(at) for at in range(count)]
    answers: list[Expression]
    if output == "label":
        answers = [exp.cast(exp.Literal.string(label), exp.DataType.Type.TEXT) for label in labels]
    elif task == "clustering" or label_type in {"integer", "number"}:
        answers = [number(float(label)) for label in labels]
    elif label_type == "boolean":
        answers = [number(1.0 if label in {"true", "t"} else 0.0) for label in labels]
    else:
        raise UnsupportedOperationError(
            "the model's labels are text, not numbers", hint="Ask for the label instead of the value."
        )
    if len(scores) == 1:
        bound = number(0.5 if link == "probability1" else 0.0)
        compare = exp.GTE if link == "logit_ge" else exp.GT
        second = compare(this=exp.Paren(this=scores[0]), expression=bound)
        return exp.case().when(second, answers[1]).else_(answers[0])
    if len(scores) == 0 or link not in {"argmax", "softmax", "ovr", "modified_huber", "probabilities"}:
        raise UnsupportedOperationError(f"scores of kind {link} have no form in SQL", hint=_HINT)
    # the first of the largest scores, without a subquery
    top = exp.Greatest(this=scores[0], expressions=list(scores[1:]))
    branches = [exp.If(this=score.copy(), true=answer) for score, answer in zip(scores[:-1], answers[:-1], strict=True)]
    return exp.Case(this=top, ifs=branches).else_(answers[-1], copy=False)


def _value(score: Expression, link: str, parameters: Mapping[str, Any]) -> Expression:
    if link == "identity":
        return score
    if link == "exp":
        # PostgreSQL's exp raises an error where the answer is infinite or 0
        high = exp.GT(this=exp.Paren(this=score.copy()), expression=number(LARGEST_EXPONENT))
        low = exp.LT(this=exp.Paren(this=score.copy()), expression=number(SMALLEST_EXPONENT))
        infinity = exp.cast(exp.Literal.string("Infinity"), exp.DataType.Type.DOUBLE)
        return exp.case().when(high, infinity).when(low, number(0.0)).else_(exp.Exp(this=score))
    if link == "isolation":
        power = exp.Pow(this=number(2.0), expression=exp.Neg(this=exp.Paren(this=score)))
        return exp.Sub(this=exp.Neg(this=exp.Paren(this=power)), expression=number(float(parameters["offset"])))
    raise UnsupportedOperationError(f"scores of kind {link} have no form in SQL", hint=_HINT)


def _label_of_value(value: Expression, task: str) -> Expression:
    if task == "regression":
        return exp.cast(value, exp.DataType.Type.TEXT)
    outlier = exp.LT(this=exp.Paren(this=value), expression=number(0.0))
    texts = [exp.cast(exp.Literal.string(text), exp.DataType.Type.TEXT) for text in ("true", "false")]
    return exp.case().when(outlier, texts[0]).else_(texts[1])
