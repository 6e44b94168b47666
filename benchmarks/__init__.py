"""Measurements that take minutes and a quiet machine; no test runs them."""
