"""Which provider gets what, and how many losses that tolerates. Pure: values in, values out.

members       the types: domains, member, policy (on the wire)
domains       members sorted by what they can lose together
policy        the layout and voters that follow from a policy; what prevents them
plan          the places of one extent's fragments
margin        how many more losses an extent tolerates
"""
