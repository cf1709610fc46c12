"""Mistakes between the fields of a source, found before any data is read."""

from __future__ import annotations

from typing import Any

PER_WINDOW = ("last", "instance")


def series_mistakes(source: Any) -> list[str]:
    """List the mistakes of a forecasting source, each as `data.key: message`."""
    return [
        *_split_mistakes(source),
        *_scaler_mistakes(source),
        *_column_mistakes(source),
        *_strategy_mistakes(source),
        *_forecast_mistakes(source),
    ]


def example_mistakes(source: Any) -> list[str]:
    """List the mistakes of a source of independent examples, each as `data.key: message`."""
    problems = _split_mistakes(source)
    if "test" in source.gives():
        problems = [problem for problem in problems if not problem.startswith("data.split.test: 0 ")]
    if source.split != "none" and source.split.kind() == "dates":
        problems.append("data.split: independent examples have no dates; give fractions or numbers of examples")
    if source.split != "none" and source.split.gap:
        problems.append(f"data.split.gap: {source.split.gap} has no meaning for independent examples; remove it")
    if source.held_out == "test" and source.folds is None:
        problems.append("data.held_out: test is given without data.folds")
    if vars(source).get("labels_per_class") and source.outline().targets != ("label",):
        problems.append("data.labels_per_class: given, but these data have no classes; leave it out")
    if vars(source).get("target_scaler", "none") != "none" and source.is_labeled:
        problems.append("data.target_scaler: given, but these data have no numbers to predict; leave it out")
    if vars(source).get("unlabeled") and "path" not in vars(source):
        problems.append("data.unlabeled: given, but these data are generated, not read; leave it out")
    given = source.gives() & {"val", "test"}
    if source.folds is not None and source.held_out in given:
        problems.append(
            f"data.folds: the {source.held_out} set has a file of its own; fold another one, or leave it out"
        )
    return problems


def _split_mistakes(source: Any) -> list[str]:
    problems = [] if source.split == "none" else source.split.mistakes()
    if source.folds is None:
        return problems + ([f"data.fold: {source.fold} is given without data.folds"] if source.fold != 1 else [])
    if source.split == "none" and "test" not in source.gives():
        problems.append("data.folds: needs a test set outside the folds, but data.split is none")
    if source.fold > source.folds:
        problems.append(f"data.fold: {source.fold} is more than data.folds={source.folds}")
    return problems


def _scaler_mistakes(source: Any) -> list[str]:
    chain = source.scalers()
    early = [name for name in chain[:-1] if name in PER_WINDOW]
    if early:
        return [f"data.scaler: `{early[0]}` works on each window and must come last in {', '.join(chain)}"]
    twice = sorted({name for name in chain if chain.count(name) > 1 and name != "difference"})
    problems = [f"data.scaler: `{twice[0]}` is given twice"] if twice else []
    if "log" in chain[1:]:
        problems.append(f"data.scaler: `log` must come first, it needs values above 0; {chain[0]} comes before it")
    return problems


def _column_mistakes(source: Any) -> list[str]:
    targets = source.target if isinstance(source.target, list) else [source.target]
    problems = ["data.target: an empty list leaves nothing to forecast"] if targets == [] else []
    for key, columns in (("features", source.features), ("known", source.known)):
        problems += [
            f"data.{key}: `{name}` is the target; its past is an input anyway" for name in columns if name in targets
        ]
    if source.weight is not None and source.columns_as_series:
        problems.append(
            "data.weight: is of rows, and data.columns_as_series makes several series of each; leave one out"
        )
    problems += [f"data.known: `{name}` is also in data.features" for name in source.known if name in source.features]
    return problems


def _strategy_mistakes(source: Any) -> list[str]:
    problems = []
    if source.strategy == "recursive" and source.features:
        problems.append(
            "data.strategy: recursive needs the next row of every input; data.features end with the past; "
            "use direct, or move them to data.known"
        )
    if source.strategy == "recursive" and source.layout == "sequence":
        problems.append("data.strategy: recursive needs data.layout=windows")
    if source.layout == "sequence" and source.stride != 1:
        problems.append(f"data.stride: {source.stride} has no meaning with data.layout=sequence, which takes every row")
    return problems


def find_quantile_mistakes(source: Any) -> list[str]:
    """List why a forecasting source cannot have several quantiles: one of a sum is no sum of quantiles."""
    adds = [name for name in source.scalers() if name.endswith("difference")]
    instead = "loss.quantiles are of each step by itself"
    if source.strategy == "recursive":
        return [f"data.strategy: recursive feeds forecasts back, and {instead}; use direct"]
    if source.horizon > 1 and adds:
        return [f"data.scaler: `{adds[0]}` adds up the steps of data.horizon={source.horizon}, and {instead}; use last"]
    return []


def find_ensemble_mistakes(source: Any) -> list[str]:
    """List why forecasts of several networks have no mean in original units that one network could give.

    Only behind a logarithm: what else there is on the way back is a shift and a scale.
    """
    chain = source.scalers()
    if "log" not in chain:
        return []
    key, instead = f"data.scaler: {', '.join(chain)}", "leave out log, or set ensemble=1"
    adds = [name for name in chain if name.endswith("difference")]
    if adds and source.horizon > 1 and source.strategy == "direct":
        return [
            f"{key} adds up logarithms over data.horizon={source.horizon}, whose exponentials are averaged; {instead}"
        ]
    if "instance" in chain:
        return [
            f"{key} scales logarithms by each window, of which a mean of exponentials cannot take account; {instead}"
        ]
    if source.per_series and set(chain) - {"log", "last", *adds}:
        return [f"{key} scales the logarithms of each series by itself (data.per_series); {instead}"]
    return []


def find_refit_mistakes(source: Any) -> list[str]:
    """List why a forecasting source cannot be walked through, with refits on the way."""
    key, problems = "trainer.refit_every", []
    if source.split == "none":
        problems.append(f"{key}: walks through the test set, and data.split is none; give it one")
    if source.folds is not None:
        problems.append(f"{key}: data.folds fits again for each fold; leave one of the two out")
    filled = [name for name in ("missing", "gaps") if getattr(source, name, "") == "interpolate"]
    return problems + [
        f"data.{name}: interpolate fills a row from a later row, the future when {key} fits again; use ffill"
        for name in filled
    ]


def _forecast_mistakes(source: Any) -> list[str]:
    given = source.forecast_from
    if given is None:
        return []
    problems = []
    if len(given) < source.sequence_length:
        problems.append(f"data.forecast_from: {len(given)} values; data.sequence_length is {source.sequence_length}")
    extra = [key for key in ("features", "known", "calendar") if getattr(source, key)]
    return problems + [f"data.forecast_from: cannot be used with data.{key}" for key in extra]
