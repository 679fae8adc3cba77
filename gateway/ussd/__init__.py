"""The phone menu: a session is its current screen; a repeated hop gets the same answer and does nothing twice."""
