"""Models as SQL, as SQL functions and as ONNX."""
