"""Reading checkpoints that nobody trusts yet: bytes in, mapped tensors out, nothing executed."""

from clipguard.checkpoint.findings import HostileFile
from clipguard.checkpoint.reading import open_checkpoint

__all__ = ["HostileFile", "open_checkpoint"]
