"""The network's indicators in a national DHIS2: what is what there, values of a period, and sending them."""
