"""One file a gateway: how its requests are read and its answers written; ``door.py`` has what they do alike."""
