"""What a mutuelle writes by SMS: campaigns, rules, texts of its own, and what became of them."""
