"""What is known of tasks and their metrics as such: plain data, read by every room.

A fact about a metric (its direction, its label, its rank among others) stands here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rnnexp import registry
from rnnexp.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class Metric:
    """What is known of a metric by its name.

    label:    what a sentence calls it
    greater_is_better: else it is an error, a loss or a cost
    counted:  what its examples are
    in_units: it has the units of the data
    """

    name: str
    label: str
    greater_is_better: bool = False
    counted: str = "examples"
    in_units: bool = False


_METRICS = (
    Metric("pinball", "mean pinball loss", in_units=True),
    Metric("owa", "OWA"),
    Metric("nrmse", "NRMSE (RMSE over the deviation of the training set, mean of all targets)"),
    Metric("rmse", "RMSE", in_units=True),
    Metric("mae", "MAE", in_units=True),
    Metric("mse", "MSE"),
    Metric("smape", "sMAPE"),
    Metric("mape", "MAPE"),
    Metric("mase", "MASE"),
    Metric("r2", "R2", greater_is_better=True),
    Metric("bleu", "BLEU", greater_is_better=True, counted="sources"),
    Metric("chrf", "chrF", greater_is_better=True, counted="sources"),
    Metric("exact_match", "share exactly right", greater_is_better=True, counted="sources"),
    Metric("character_error_rate", "character error rate", counted="texts"),
    Metric("word_error_rate", "word error rate", counted="texts"),
    Metric("perplexity", "perplexity", counted="tokens"),
    Metric("nats", "nats", counted="tokens"),
    Metric("accuracy", "accuracy", greater_is_better=True),
    Metric("shuffled_accuracy", "accuracy on shuffled frames", greater_is_better=True),
    Metric("balanced_accuracy", "balanced accuracy", greater_is_better=True),
    Metric("precision", "precision", greater_is_better=True),
    Metric("recall", "recall", greater_is_better=True),
    Metric("f1", "F1", greater_is_better=True),
    Metric("sequence_accuracy", "sequences all right", greater_is_better=True, counted="sequences"),
    Metric("unknown_accuracy", "accuracy of unknown tokens", greater_is_better=True, counted="tokens"),
    Metric("chunk_precision", "precision of chunks", greater_is_better=True, counted="chunks"),
    Metric("chunk_recall", "recall of chunks", greater_is_better=True, counted="chunks"),
    Metric("chunk_f1", "F1 of chunks", greater_is_better=True, counted="chunks"),
    Metric("log_loss", "log loss"),
    Metric("average_precision", "average precision", greater_is_better=True, counted="rows"),
    Metric("roc_auc", "area under the ROC curve", greater_is_better=True, counted="rows"),
    Metric("event_recall", "share of events found", greater_is_better=True, counted="events"),
    Metric("alarm_rate", "share of rows with an alarm", counted="rows"),
    Metric("false_positive_rate", "share of clean rows with an alarm", counted="rows"),
    Metric("false_alarms", "false alarms per 1,000 rows", counted="rows"),
    Metric("coverage", "coverage", greater_is_better=True),
    Metric("interval_width", "width of intervals", in_units=True),
    Metric("samples_per_s", "examples per second", greater_is_better=True),
    Metric("loss", "loss"),
    Metric("total_loss", "loss with penalties"),
)
METRICS = {metric.name: metric for metric in _METRICS}

# Metrics of Keras's and of users' own that have no entry: one rises that has such a word, and none of an error.
_RISING = {"accuracy", "acc", "precision", "recall", "f1", "auc", "r2", "iou", "bleu", "chrf", "rouge", "meteor"}
_RISING |= {"correlation", "similarity", "sensitivity", "specificity", "kappa", "mcc", "dice", "jaccard", "ndcg", "mrr"}
_RISING_ENDS = ("io_u", "beta_score", "true_positives", "true_negatives")  # words of theirs that mean nothing alone
_FALLING = {"error", "loss", "distance", "crossentropy", "entropy"}
_SUFFIX = re.compile(r"(_scaled|_\d+)+$")  # mae_scaled, coverage_90

ACCURACY = ("accuracy", "acc")  # shares of what is equal, which Keras names itself, and chooses by the shapes

# What */loss means in a run: without the tag that says so it holds the L1 and L2 penalties, if there are any.
LOSS, UNPENALIZED = "rnnexp.loss", "unpenalized"
PARTS = ("test", "train")  # that a run is scored on
MEMBERS = "members"  # what the scores of networks that are averaged begin with, each of which is scored alone, too


def complete_spec(saved: dict[str, Any]) -> None:
    """Add to the spec of a model saved in format 1 what its task implied."""
    for name, code in tasks().items():
        if saved.get("task") in (name, code.former_name):
            saved.update(code.spec_of_1, task=name)
            return


def tasks() -> dict[str, Any]:
    """Return every task by its name, those of plugins too; their code is not imported."""
    return registry.components("task")


def reported(task: str) -> tuple[str, ...]:
    """Return what a task reports without being asked."""
    names: tuple[str, ...] = tasks()[task].reported
    return names


def has_step_labels(task: str) -> bool:
    """Say whether each step of a sequence has a label of its own."""
    found: bool = tasks()[task].labels_steps
    return found


def headlines() -> list[str]:
    """List what heads the runs of some task, what fewer tasks report first: that is what tells more of a run."""
    found = tasks().values()
    names = dict.fromkeys(name for task in found for name in task.headline)
    return sorted(names, key=lambda name: sum(name in task.reported for task in found))


def scores() -> list[str]:
    """List the names under which these are logged, such as test/rmse, those of the test part first."""
    return [f"{part}/{name}" for part in PARTS for name in headlines()]


def skills() -> list[str]:
    """List their skills, such as skill/rmse."""
    return [f"skill/{name}" for name in headlines()]


def primary(logged: Collection[str], part: str) -> str | None:
    """Return the name of the metric by which a run that has logged these is judged on a part, None if there is none."""
    return next((name for name in headlines() if f"{part}/{name}" in logged), None)


def split_details(metrics: Mapping[str, float], best_baseline: str | None) -> tuple[dict[str, float], dict[str, float]]:
    """Part the numbers of a run's end: those that a page of charts shows, and details, which tables show.

    Details are scores of single steps (test/h3/rmse), and of members and baselines, but for those of members and of the
    best baseline by which the run is judged: of what heads a run, and of what there is a skill.
    """
    judged = {name.rpartition("/")[2] for name in metrics if name.startswith("skill/")} | set(headlines())

    def is_detail(name: str) -> bool:
        first, *within, last = name.split("/")
        if first == "baseline":
            return within != [best_baseline] or last not in judged
        return (first in PARTS and bool(within)) or (first == MEMBERS and last not in judged)

    details = {name: value for name, value in metrics.items() if is_detail(name)}
    return {name: value for name, value in metrics.items() if name not in details}, details


def score_of(logged: Collection[str]) -> str | None:
    """Return the score that heads a run, such as test/rmse, None for one that has none."""
    return next((name for name in scores() if name in logged), None)


def is_logged(text: str, logged: Collection[str]) -> bool:
    """Say whether runs have logged a metric, by its whole name or the last part of it."""
    return text in logged or text in _name_ends(logged)


def find_metric(text: str, logged: Collection[str]) -> str:
    """Return a metric that runs have logged, by its whole name or the last part of it: rmse for test/rmse.

    Raises ConfigError if there is none.
    """
    ends = _name_ends(logged)
    if text in logged or text in ends:
        return text if text in logged else ends[text]
    raise ConfigError(f"--metric {text}: no run here has it{did_you_mean(text, [*ends, *logged])}")


def _name_ends(logged: Collection[str]) -> dict[str, str]:
    """Return metrics by the last parts of their names, those of the test part before others."""
    ends = {name.rpartition("/")[2]: name for name in sorted(logged) if not name.startswith(("baseline/", "skill/"))}
    for part in ("train", "best/val", "test"):
        ends |= {name.rpartition("/")[2]: name for name in logged if name.rpartition("/")[0] == part}
    return ends


def metric_of(name: str) -> Metric | None:
    """Return what is known of a metric by the name it is logged under: best/val/loss, test/h3/rmse, mae_scaled."""
    short = _plain(name)
    known = {**METRICS, **{metric.name: metric for task in tasks().values() for metric in task.metrics}}
    return known.get(short) or known.get(_SUFFIX.sub("", short))


def rises(name: str, said: Mapping[str, bool] | None = None) -> bool:
    """Say whether more of a metric is better, by the name it is logged under, with whatever prefixes.

    `said` holds what their authors say of metrics of their own. A skill rises whatever it is the skill of; what is not
    known is taken for an error or a loss.
    """
    *prefixes, last = name.split("/")
    if "skill" in prefixes:
        return True
    if said and last in said:
        return said[last]
    known = metric_of(name)
    if known:
        return known.greater_is_better
    short = _plain(name)
    words = set(short.split("_"))
    return words.isdisjoint(_FALLING) and (not words.isdisjoint(_RISING) or short.endswith(_RISING_ENDS))


def _plain(name: str) -> str:
    """Return the last part of a name, as Keras's `R2Score` in the words of `r2_score`."""
    return "_".join(_words(name.rpartition("/")[2]))


def _words(name: str) -> Iterator[str]:
    for word in name.split("_"):
        yield from (found.lower() for found in re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z0-9]+", word))
