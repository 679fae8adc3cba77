"""What people agreed to, who looked at their record, what is kept about them, and how it is forgotten in time."""
