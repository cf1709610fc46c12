"""Many gradient steps per call, one module per Keras backend; the steps themselves are the
model's own `train_step`.
"""
