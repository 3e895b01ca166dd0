"""The seam: the one place that knows open_clip and onnxruntime. Above it there is only ClipModel."""
