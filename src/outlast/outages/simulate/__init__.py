"""Availability and durability over years, by Monte Carlo over correlated outages.

The way of a simulation:

    rates        how often what fails, and for how long: a table with sources (rates.toml)
    eggs         a store's members and layout -> units (shared causes) and structure functions
    process      units that fail and are repaired; durations
    structure    from failed units to a failed system
    cycles       many histories side by side, plain or under failure biasing
    estimates    from cycles to figures with intervals
    measure      plain sampling first, failure biasing where that saw too little

Everything below `eggs` knows nothing of stores: it is the textbook's. Chance is a numpy generator that is
passed in; the same seed gives the same figures. docs/simulate.md has the theory and what is not modelled.
"""
