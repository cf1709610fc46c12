"""The pure parts of the benchmarks, and measuring with processes that do next to nothing."""

import json
import math
import sys
from dataclasses import asdict, replace

import pytest

from benchmarks import checkpoints, memory, outage, pairs, run, table
from benchmarks.contestants import Contestant, best_per_seed, our_rate, printed, printed_rate, scored
from benchmarks.losses import likely_difference, verdict
from benchmarks.measure import in_turn, measure, scaled, warm_up
from benchmarks.works import Places, works


def contestant(code: str = "pass", **more) -> Contestant:
    return replace(Contestant("x", "ours", ("-c", code)), **more)


def entry(name: str, values: list[float], losses: list[float] = (), target: float | None = None, **more) -> dict:
    beside = more.pop("beside", {})
    measured = [
        {"value": v, "seconds": v, "peak_mb": 100.0, "losses": list(losses), "beside": beside, "error": ""}
        for v in values
    ]
    usual = {"runs": 1, "of": 1, "best_of_all": False, "left_out": ""}
    return {"name": name, "target": target, "measured": measured, **usual, **more}


def work(*contestants: dict, unit: str = "s") -> dict:
    return {"name": "w", "title": "some work", "unit": unit, "contestants": list(contestants)}


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_contestants_take_turns():
    assert [name for _, name in in_turn("ABC", 2)] == list("ABCABC")
    assert [turn for turn, _ in in_turn("ABC", 2)] == [0, 0, 0, 1, 1, 1]


def test_losses_of_the_same_spread_are_equal():
    assert verdict([1.0, 1.1, 0.9], [1.05, 0.95]) == "equal"


def test_the_same_losses_are_equal_without_a_spread():
    assert verdict([1.0], [1.0]) == "equal"


def test_a_higher_loss_is_seen_and_a_lower_one_is_no_fault():
    assert verdict([2.0, 2.1, 1.9], [1.05, 0.95]) == "**OURS HIGHER**"
    assert verdict([0.2, 0.25, 0.15], [1.05, 0.95]) == "ours lower"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [([1.0], [1.1, 1.1]), ([1.0, math.nan], [1.0, 1.1]), ([1.0, 2.0], [math.inf])],
    ids=["no-spread-known", "ours-nan", "theirs-infinite"],
)
def test_a_comparison_that_cannot_be_made_is_marked(ours, theirs):
    assert verdict(ours, theirs) == "**unknown**"


def test_the_same_seed_measured_again_adds_no_knowledge():
    assert math.isnan(likely_difference([1.0]))
    assert verdict([1.0, 1.1, 0.9], [1.3, 1.3, 1.3]) == verdict([1.0, 1.1, 0.9], [1.3])


def test_a_part_of_the_runs_is_scaled_without_counting_the_start_again():
    part = contestant(runs=3, of=64)
    assert scaled(16.0, [10.0, 12.0, 14.0], part) == pytest.approx(16.0 + 61 * 2.0)
    two_lanes = contestant(runs=4, of=64, processes=2, lanes=2)
    assert scaled(16.0, [9.9, 10.0, 12.0, 12.0], two_lanes) == pytest.approx(16.0 + 60 * 1.0)
    assert scaled(16.0, [], contestant(runs=64, of=64)) == 16.0


def test_too_few_runs_to_scale_are_an_error_of_that_measurement(tmp_path):
    found = measure(contestant("print('wall=1')", runs=2, of=64), 0, sys.executable, tmp_path / "a", [])
    assert "too few" in found.error


def test_a_measurement_holds_time_memory_and_losses(tmp_path):
    code = "import sys, time; kept = bytearray(60_000_000); time.sleep(1); print('loss=0.5')"
    found = measure(contestant(code, losses=printed(r"loss=([\d.]+)")), 0, sys.executable, tmp_path / "a", [])
    assert (found.error, found.losses) == ("", [0.5])
    assert found.value >= 1.0
    assert found.peak_mb > 60 or sys.platform != "linux"
    assert not (tmp_path / "a").exists()


# Neither ends unless the other has begun.
WAIT_FOR_THE_OTHER = """
import sys, time
from pathlib import Path
place, process, turn = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
(place / f"began{process}").touch()
while not (place / f"began{1 - process}").exists():
    time.sleep(0.02)
print(f"loss={process}.{turn}")
"""


def test_processes_run_side_by_side_and_know_their_number(tmp_path):
    both = Contestant(
        "x",
        "ours",
        ("-c", WAIT_FOR_THE_OTHER, str(tmp_path), "{process}", "{turn}"),
        processes=2,
        losses=printed(r"loss=([\d.]+)"),
    )
    found = measure(both, 7, sys.executable, tmp_path / "a", [])
    assert (found.error, sorted(found.losses)) == ("", [0.7, 1.7])


def test_a_contestant_that_fails_is_kept_with_its_words(tmp_path):
    found = measure(contestant("import sys; sys.exit('no such net')"), 0, sys.executable, tmp_path / "a", [])
    assert found.error.startswith("exit code 1, see ")
    assert "no such net" in (tmp_path / "a" / "stderr0.txt").read_text()


def test_the_warm_up_runs_what_it_was_given_and_leaves_nothing(tmp_path):
    mark = tmp_path / "mark"
    warm = ("-c", f"open({str(mark)!r}, 'w').write('warm')")
    warm_up(contestant("raise SystemExit(1)", warm_up=warm), sys.executable, tmp_path / "a")
    assert mark.read_text() == "warm"
    assert not (tmp_path / "a").exists()


def test_the_table_compares_medians_and_says_what_was_reached():
    lines = list(
        table.rows(
            work(
                entry("ours", [2.0, 3.0, 40.0], [1.0, 1.1, 0.9]),
                entry("slow", [6.0], [1.05], target=0.6),
                entry("fast", [2.0], [0.1], target=1.0, runs=8, of=64),
            )
        )
    )
    assert cells(lines[0])[:4] == ["some work", "ours", "3 s", "2 to 40"]
    assert cells(lines[1])[4:8] == ["0.50", "at most 0.6", "yes", "1.05: equal"]
    assert cells(lines[2])[1] == "fast (8 of 64 measured)"
    assert cells(lines[2])[4:8] == ["1.50", "at most 1", "**NO**", "0.1: **OURS HIGHER**"]


def test_more_steps_per_second_are_better():
    lines = list(table.rows(work(entry("ours", [30.0]), entry("peer", [10.0], target=2.0), unit="steps/s")))
    assert cells(lines[1])[4:7] == ["3.00", "at least 2", "yes"]


def test_what_failed_or_was_left_out_is_a_mark_in_the_table():
    failed = entry("peer", [1.0], target=1.0)
    failed["measured"][0]["error"] = "exit code 1"
    absent = entry("other", [], target=1.0, left_out="left out: no --peers")
    lines = list(table.rows(work(entry("ours", [1.0]), failed, absent)))
    assert cells(lines[1])[2:7] == ["**exit code 1**", "", "", "at most 1", "**unknown**"]
    assert cells(lines[2])[2] == "**left out: no --peers**"


def test_the_best_of_many_is_compared_with_our_best():
    ours = entry("ours", [1.0], [9.0], beside={"vmap": [1.0, 1.01, 1.02]})
    same, better = (entry("vmap", [1.0], [best], best_of_all=True) for best in (1.02, 0.1))
    assert cells(list(table.rows(work(ours, same)))[1])[7] == "1.02: equal"
    assert cells(list(table.rows(work(ours, better)))[1])[7] == "0.1: **OURS HIGHER**"


def our_run(folder, name: str, seed: int, loss: float):
    run_folder = folder / "runs" / "sweeps" / "s" / "jobs" / name
    (run_folder / "config").mkdir(parents=True)
    (run_folder / "model").mkdir()
    (run_folder / "config" / "config.yaml").write_text(f"seed: {seed}\noptimizer:\n  learning_rate: 0.01\n")
    epochs = [{"step": step, "metrics": {"time/samples_per_s": speed}} for step, speed in enumerate([1.0, 50.0, 50.0])]
    lines = [*epochs, {"step": 0, "metrics": {"test/rmse": loss}}]
    (run_folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_our_losses_are_read_from_the_folders_of_the_runs(tmp_path):
    for number, (seed, loss) in enumerate([(0, 5.0), (1, 7.0), (0, 4.0)]):
        our_run(tmp_path, str(number), seed, loss)
    assert scored("test/rmse")(tmp_path, "") == [5.0, 7.0, 4.0]
    assert scored("test/rmse", {"seed": 1, "optimizer.learning_rate": 0.01})(tmp_path, "") == [7.0]
    assert scored("test/rmse", {"optimizer.learning_rate": 0.02})(tmp_path, "") == []
    assert best_per_seed("test/rmse", 2)(tmp_path, "") == [4.0, 7.0]


def test_steps_per_second_leave_the_first_epoch_out(tmp_path):
    our_run(tmp_path, "0", 0, 1.0)
    assert our_rate(steps=4, examples=100)(tmp_path, "") == pytest.approx(4 / (100 / 50.0))
    assert printed_rate(tmp_path, "parameters=9 steps_per_s=12.50\n") == 12.5


@pytest.mark.parametrize("quick", [True, False])
def test_every_work_begins_with_ours_and_names_are_unique(tmp_path, quick):
    for made in works(Places(tmp_path, tmp_path), quick):
        names = [x.name for x in made.contestants]
        assert len(set(names)) == len(names)
        assert made.contestants[0].environment == "ours"
        assert all(x.lanes < x.runs or x.runs == x.of for x in made.contestants)


def test_memory_is_flat_unless_the_last_group_takes_more():
    looks = [
        memory.Look(0.0, 200.0, {11: 50.0}),  # tries the networks
        memory.Look(1.0, 300.0, {21: 400.0}),
        memory.Look(2.0, 310.0, {21: 500.0, 22: 450.0}),
        memory.Look(3.0, 305.0, {22: 520.0}),
    ]
    groups = [asdict(group) for group in memory.by_group(looks, 2)]
    assert groups == [{"worker_mb": 500.0, "coordinator_mb": 310.0}, {"worker_mb": 520.0, "coordinator_mb": 310.0}]
    assert memory.sentence({"members": 1000, "groups": groups, "error": ""}).endswith("310 to 310 MB: flat.")
    grown = [*groups, {"worker_mb": 500.0, "coordinator_mb": 900.0}]
    assert "NOT FLAT" in memory.sentence({"members": 1000, "groups": grown, "error": ""})


def test_a_table_is_written_again_without_measuring(tmp_path, capsys):
    stored = {"machine": "2 CPU cores", "works": [work(entry("ours", [1.0]), entry("peer", [2.0], target=0.6))]}
    (tmp_path / "b.json").write_text(json.dumps(stored))
    assert run.main(["--table", str(tmp_path / "b.json")]) == 0
    assert "| some work | ours | 1 s |" in capsys.readouterr().out


def test_an_unknown_piece_of_work_is_refused(capsys):
    assert run.main(["--only", "airlines"]) == 2
    assert "there are airline, sine" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("pairs", "too_slow"),
    [
        ([(20.0, 20.1), (20.0, 20.2), (20.0, 90.0)], False),  # one outlier
        ([(20.0, 29.0), (20.0, 29.0), (20.0, 29.0)], False),  # under 10 s in all
        ([(1000.0, 1015.0)] * 3, False),  # under 2 %
        ([(20.0, 31.0), (20.0, 31.0), (20.0, 20.0)], True),
    ],
)
def test_an_outage_may_cost_two_percent_or_ten_seconds(pairs: list[tuple[float, float]], too_slow: bool) -> None:
    assert outage.is_too_slow(pairs) == too_slow


def test_the_row_of_an_outage_has_the_medians_and_the_spread() -> None:
    pairs = [(20.0, 20.2), (20.0, 19.8), (10.0, 10.5)]
    cells = ["dead", "20.00 s", "19.80 s", "1.010", "0.990 to 1.050", "+0.20 s"]
    assert outage.row("dead", pairs) == f"| {' | '.join(cells)} |"


def test_the_two_of_a_pair_come_first_in_turn() -> None:
    order: list[str] = []

    def timed(kind: str) -> float:
        order.append(kind)
        return {"usual": 1.0, "other": 2.0}[kind]

    assert pairs.measure("usual", "other", 2, timed) == [(1.0, 2.0), (1.0, 2.0)]
    assert order == ["usual", "other", "other", "usual"]


def test_checkpoints_may_cost_two_percent() -> None:
    pairs = [(20.0, 20.2), (20.0, 19.8), (10.0, 15.0)]  # one outlier
    assert not checkpoints.is_too_slow(pairs)
    assert checkpoints.is_too_slow([(20.0, 20.5)] * 3)
    assert checkpoints.row("group", pairs) == "| group | 20.00 s | 19.80 s | 1.010 | 0.990 to 1.500 |"


def test_the_tables_of_a_readme_are_made_anew_where_they_are_marked() -> None:
    text = "Before.\n<!-- w -->\nold\n<!-- end -->\nBetween.\n<!-- other -->\nstays\n<!-- end -->\n"
    made = work(
        entry("ours", [2.0, 3.0, 4.0]), entry("theirs", [4.0, 4.0, 5.0]), entry("absent", [], left_out="left out")
    )
    for seconds, one in enumerate(made["contestants"][1]["measured"], start=7):
        one["cpu_s"] = float(seconds)
    lines = table.put_into_readme(text, [made], "2 CPU cores.").splitlines()
    assert lines[:2] == ["Before.", "<!-- w -->"]
    assert cells(lines[2]) == ["some work", "time", "min to max", "of a processor", "ours / it"]
    assert cells(lines[4]) == ["**ours**", "**3 s**", "2 to 4", "0 s", ""]
    assert cells(lines[5]) == ["theirs", "4 s", "4 to 5", "8 s", "0.75 (0.50 to 0.80)"]
    assert lines[6:] == ["", "2 CPU cores.", "<!-- end -->", "Between.", "<!-- other -->", "stays", "<!-- end -->"]


def test_a_contestant_may_be_told_its_own_folder(tmp_path) -> None:
    code = "import os; print('loss=1.5'); open('cache', 'w').write(os.environ['CACHE'])"
    told = contestant(
        code,
        variables={"CACHE": "{folder}/cache"},
        losses=lambda folder, _: [float((folder / "cache").read_text() == f"{folder}/cache")],
    )
    found = measure(told, 0, sys.executable, tmp_path / "a", [])
    assert (found.error, found.losses) == ("", [1.0])
    assert 0 < found.cpu_s < 10


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hand over orphans")
def test_the_time_of_a_process_that_outlives_its_parent_is_counted(tmp_path) -> None:
    busy = "import time\nwhile time.process_time() < 0.6: pass"
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {busy!r}]); print('loss=1.0')"
    found = measure(contestant(code, losses=printed(r"loss=([\d.]+)")), 0, sys.executable, tmp_path / "a", [])
    assert (found.error, found.losses) == ("", [1.0])
    assert found.cpu_s >= 0.6
