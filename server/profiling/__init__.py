"""Where the time of a run goes: the layer report, and the machine and board it was measured on."""
