"""A basic phone in the browser, for trials and the demonstration: it dials the menu's engine in this very process."""
