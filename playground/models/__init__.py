"""The nets, and how they run on this machine."""
