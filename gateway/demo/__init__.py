"""The demonstration: the whole product on this machine, with stand-ins for the operator and the aggregator."""
