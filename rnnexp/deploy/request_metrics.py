"""Counts and durations of requests, in Prometheus's text format."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from threading import Lock

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # Prometheus's usual ones


class RequestMetrics:
    """What a server has answered since it was started; any number of threads may write to it.

    engine: what computes the network
    """

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._lock = Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._buckets = [0] * (len(BOUNDS_S) + 1)
        self._seconds = 0.0

    def add_request(self, path: str, status: int, seconds: float | None = None) -> None:
        """Count an answer; `seconds` are given for a prediction."""
        with self._lock:
            self._requests[path, status] += 1
            if seconds is not None:
                self._buckets[bisect_left(BOUNDS_S, seconds)] += 1
                self._seconds += seconds

    def write_text(self) -> str:
        """Return all of it, one sample a line."""
        with self._lock:
            requests, buckets, seconds = dict(self._requests), list(self._buckets), self._seconds
        lines = [
            *_head("rnnexp_model_info", "gauge", "What computes the network."),
            f'rnnexp_model_info{{engine="{self._engine}"}} 1',
            *_head("rnnexp_requests_total", "counter", "Answered requests by path and status."),
            *(
                f'rnnexp_requests_total{{path="{path}",status="{status}"}} {number}'
                for (path, status), number in sorted(requests.items())
            ),
            *_head("rnnexp_request_errors_total", "counter", "Answers with a status of 400 and above."),
            f"rnnexp_request_errors_total {sum(n for (_, status), n in requests.items() if status >= 400)}",
            *_head("rnnexp_predict_seconds", "histogram", "Time from a request for predictions to its answer."),
        ]
        below = 0
        for bound, number in zip((*map(str, BOUNDS_S), "+Inf"), buckets):
            below += number
            lines.append(f'rnnexp_predict_seconds_bucket{{le="{bound}"}} {below}')
        lines += [f"rnnexp_predict_seconds_sum {seconds:.6f}", f"rnnexp_predict_seconds_count {below}"]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
