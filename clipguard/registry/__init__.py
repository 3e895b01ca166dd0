"""Models from registries: a URI in, a local file and its origin out."""

from clipguard.registry.resolve import resolved
from clipguard.registry.types import Resolved

__all__ = ["Resolved", "resolved"]
