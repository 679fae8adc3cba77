"""What about money a person must decide, who decided it, and when it takes two."""
