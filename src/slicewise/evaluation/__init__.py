"""Scores of cases, statistics and paired tests; no picture and no sentence for people."""
