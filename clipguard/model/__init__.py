"""The seam: the one place that knows open_clip and onnxruntime; above it is ClipModel alone."""
