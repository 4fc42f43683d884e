"""One experiment a module; a new one needs no registration."""
