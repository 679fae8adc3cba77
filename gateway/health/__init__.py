"""How the gateway is: alive, ready, and in figures."""
