"""What a run is made of: sections of a configuration, their errors in one line, the card of a run."""
