"""SMS: texts in GSM letters, messages with a life of their own, and the aggregator that carries them."""
