"""Writing a model for others: an open_clip or Hugging Face folder and an ONNX pair, all checked."""
