"""Pure values that every other package speaks in: nothing here touches a database, a socket or a clock by itself."""
