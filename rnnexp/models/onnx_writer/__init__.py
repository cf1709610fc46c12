"""Keras networks as ONNX graphs: one function for each kind of layer and operation, with ONNX's own recurrent ones."""
