"""The compiled engine: many steps and many epochs in one program on JAX, of one training or of several at once."""
