"""Statistics over cases, figures and the report; no Keras here."""
