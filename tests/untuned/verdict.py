"""What the scores of several seeds say: skill with its interval, verdicts, a table, and the count against the aims."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnnexp.compare.stats import Summary, summary
from rnnexp.task import METRICS
from tests.untuned.sets import CONTROL, FORECAST, LABELS, SETS

# Baselines that came after the first list of simple ones.
STRONG = frozenset({"ets", "theta", "global_linear", "minirocket", "nb_svm", "tfidf_chars"})
SIMPLE_LIST, FULL_LIST = "simple", "all"
AIMS = {FORECAST: 9 / 10, LABELS: 4 / 6}  # share of the sets that beat the simple list; of the full one more than half

Found = Mapping[str, Any]  # what a job prints, or {"error": why there is nothing}


@dataclass(frozen=True)
class Skill:
    """Skill over seeds beside the best of some baselines; `best` are those that were it, the most frequent first."""

    over: Summary
    best: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """A win or a loss is an interval without 0; one seed has no interval."""
        low, high = self.over.low, self.over.high
        if low is None or high is None:
            return "one seed"
        return "wins" if low > 0 else "loses" if high < 0 else "within noise"

    def __str__(self) -> str:
        ends = "" if self.over.low is None else f" [{self.over.low:+.3f}, {self.over.high:+.3f}]"
        return f"{self.over.mean:+.3f}{ends} {self.verdict}"


def measure_skill(network: float, baseline: float, metric: str) -> float:
    """Return the share of a baseline's errors that a network avoids; where there are none, minus the network's own."""
    if METRICS[metric].greater_is_better:  # shares: an error is what is missing to 1
        network, baseline = 1 - network, 1 - baseline
    return 1 - network / baseline if baseline > 0 else -network


def judge(rows: Sequence[Found], left_out: Collection[str] = (), only: Collection[str] = ()) -> Skill | None:
    """Hold each seed against the best baseline of its own run; None if no seed has one."""
    skills, best = [], list[str]()
    for row in rows:
        known = {name: value for name, value in row["baselines"].items() if name not in left_out}
        known = {name: value for name, value in known.items() if not only or name in only}
        if known:
            rising = METRICS[row["metric"]].greater_is_better
            best.append((max if rising else min)(known, key=lambda name: known[name]))
            skills.append(measure_skill(row["network"], known[best[-1]], row["metric"]))
    over = summary(skills)
    return over and Skill(over, tuple(sorted(set(best), key=lambda name: (-best.count(name), name))))


def judge_both(rows: Sequence[Found]) -> dict[str, Skill | None]:
    """Return the skill beside the simple baselines, and beside all."""
    return {SIMPLE_LIST: judge(rows, STRONG), FULL_LIST: judge(rows)}


def describe_seed(name: str, found: Found) -> str:
    if "error" in found:
        return f"{name}: {found['error']}"
    scores = ", ".join(f"{one} {value:.4g}" for one, value in sorted(found["baselines"].items()))
    return f"{name}: {found['metric']} {found['network']:.4g}; {scores}; {found['seconds']['all']:.0f} s"


def list_table(results: Mapping[str, Mapping[str, Found]]) -> Iterator[str]:
    """Yield the lines of a Markdown table, a row for each set; results: by set and seed."""
    columns = ("set", "metric", "network", "best simple baseline", "best baseline", "skill, simple list")
    columns += ("skill, full list", "s", "")
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    for name, by_seed in results.items():
        rows = [row for row in by_seed.values() if "error" not in row]
        notes = [f"tuned here: {SETS[name].tuned}"] if SETS[name].tuned else []
        notes += sorted({f"{row['error'].split(':')[0]}" for row in by_seed.values() if "error" in row})
        notes += [f"{len(rows)} of {len(by_seed)} seeds"] if len(rows) < len(by_seed) else []
        if not rows:
            yield f"| {name} | | | | | | | | {', '.join(notes)} |"
            continue
        own, skills = summary([row["network"] for row in rows]), judge_both(rows)
        network = f"{own.mean:.4g}" + ("" if own.deviation is None else f" ± {own.deviation:.2g}")
        seconds = sum(row["seconds"]["all"] for row in rows) / len(rows)
        best = [_name_best(rows, skills[one]) for one in (SIMPLE_LIST, FULL_LIST)]
        told = [str(skills[one] or "") for one in (SIMPLE_LIST, FULL_LIST)]
        cells = [name, rows[0]["metric"], network, *best, *told, f"{seconds:.0f}", ", ".join(notes)]
        yield f"| {' | '.join(cells)} |"


def _name_best(rows: Sequence[Found], skill: Skill | None) -> str:
    if skill is None:
        return ""
    scores = [row["baselines"][skill.best[0]] for row in rows if skill.best[0] in row["baselines"]]
    return f"{'/'.join(skill.best)} {sum(scores) / len(scores):.4g}"


def list_summary(results: Mapping[str, Mapping[str, Found]]) -> Iterator[str]:
    """Yield a line for each aim, with what was reached of it."""
    scored = {name: [row for row in rows.values() if "error" not in row] for name, rows in results.items()}
    scored = {name: rows for name, rows in scored.items() if rows}
    for kind, aim in AIMS.items():
        there = [name for name in scored if SETS[name].kind == kind]
        won = [name for name in there if _wins(judge_both(scored[name])[SIMPLE_LIST])]
        reached = "reached" if there and len(won) >= aim * len(there) else "missed"
        if there:
            yield f"{kind}: {len(won)} of {len(there)} beat the simple list (aim {aim:.0%}): {reached}"
    real = [name for name in scored if SETS[name].kind != CONTROL]
    won = [name for name in real if _wins(judge_both(scored[name])[FULL_LIST])]
    if real:
        reached = "reached" if 2 * len(won) > len(real) else "missed"
        yield f"{len(won)} of {len(real)} beat the full list (aim: more than half): {reached}"
    forecast = [name for name in real if SETS[name].kind == FORECAST]
    below = [name for name in forecast if _is_below(judge(scored[name], only=("persistence",)))]
    if forecast:
        listed = f" ({', '.join(below)})" if below else ""
        reached = "missed" if below else "reached"
        yield f"{len(below)} of {len(forecast)} below persistence{listed} (aim: none): {reached}"
    for name in (name for name in scored if SETS[name].kind == CONTROL):
        skill = judge_both(scored[name])[FULL_LIST]
        claimed = f"a skill of {skill.over.mean:+.4f} is claimed where there can be none" if skill else ""
        yield f"{name}: {claimed if _wins(skill) else 'no skill, which is right'}"


def _wins(skill: Skill | None) -> bool:
    return skill is not None and skill.verdict == "wins"


def _is_below(skill: Skill | None) -> bool:
    return skill is not None and (skill.verdict == "loses" or (skill.over.low is None and skill.over.mean < 0))
