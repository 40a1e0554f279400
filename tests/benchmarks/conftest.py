"""What the tests of benchmarks share with those of training."""

from tests.export.conftest import one_thread

__all__ = ["one_thread"]
