"""What is measured and shown while a network trains."""
