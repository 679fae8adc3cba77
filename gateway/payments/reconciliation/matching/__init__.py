"""Lines and movements brought together: by what names them, then by what else they say; never by guessing."""
