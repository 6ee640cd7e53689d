"""Policy server: scores, latencies and behavior under faults."""
