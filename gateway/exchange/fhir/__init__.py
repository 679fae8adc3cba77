"""Members, their households and their cover as other health systems read them: FHIR R4, in openIMIS' own manner."""
