"""From measurements to a judgement: likelihood, outcome, reasons and what was not covered."""
