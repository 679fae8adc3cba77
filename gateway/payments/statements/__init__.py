"""Statements of operators and banks: whatever the file, its lines as columns, exactly or not at all."""
