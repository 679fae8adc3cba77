"""Who may enter the office's pages, and how they show that it is they; nothing here knows the web."""
