"""The formats of operators and banks: tables by their headings, MT940, CAMT.053."""
