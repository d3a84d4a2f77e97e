"""What `/metrics` shows."""

import pytest

from livecore.platform.metrics import PERSONAL_LABELS, Metrics


def text(metrics: Metrics) -> str:
    body, content_type = metrics.render()
    assert content_type.startswith("text/plain; version=")
    return body.decode()


def test_requests_are_counted_by_method_route_and_status() -> None:
    metrics = Metrics()
    metrics.observe_request("GET", "/api/v1/videos/{id}", 200, 0.003)
    metrics.observe_request("GET", "/api/v1/videos/{id}", 200, 0.3)
    metrics.observe_request("GET", "/api/v1/videos/{id}", 404, 0.001)
    shown = text(metrics)
    assert 'livecore_request_seconds_count{method="GET",route="/api/v1/videos/{id}",status="200"} 2.0' in shown
    assert 'livecore_request_seconds_count{method="GET",route="/api/v1/videos/{id}",status="404"} 1.0' in shown
    assert 'livecore_request_seconds_bucket{le="0.005",method="GET",route="/api/v1/videos/{id}",status="200"} 1.0' in shown


def test_the_process_is_shown() -> None:
    shown = text(Metrics())
    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "python_gc_objects_collected_total"):
        assert name in shown


def test_two_users_of_a_name_share_its_metric() -> None:
    metrics = Metrics()
    metrics.counter("drops", "Dropped.", ("reason",)).labels("late").inc()
    metrics.counter("drops", "Dropped.", ("reason",)).labels("late").inc()
    assert 'livecore_drops_total{reason="late"} 2.0' in text(metrics)
    with pytest.raises(ValueError):
        metrics.gauge("drops", "Dropped.")


def test_gauges_and_histograms() -> None:
    metrics = Metrics()
    metrics.gauge("sockets", "Open.").set(7)
    metrics.histogram("wait_seconds", "Waits.", ("kind",), buckets=(1, 2)).labels("x").observe(1.5)
    shown = text(metrics)
    assert "livecore_sockets 7.0" in shown
    assert 'livecore_wait_seconds_bucket{kind="x",le="2.0"} 1.0' in shown


def test_metrics_of_one_application_are_not_those_of_another() -> None:
    one, other = Metrics(), Metrics()
    one.counter("x", "X.").inc()
    assert "livecore_x_total" not in text(other)


@pytest.mark.parametrize("label", sorted(PERSONAL_LABELS))
def test_a_label_that_could_name_a_person_is_refused(label: str) -> None:
    metrics = Metrics()
    for make in (metrics.counter, metrics.gauge, metrics.histogram):
        with pytest.raises(ValueError, match=label):
            make("x", "X.", ("reason", label))
