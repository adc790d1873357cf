"""What changes slowly: the provider's model, the customers' questions, the rates."""
