"""Stand-ins for aggregators and operators: real HTTP servers that keep to the facts and misbehave on request."""
