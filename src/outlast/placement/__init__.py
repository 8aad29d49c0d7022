"""Placement: which provider gets what, and what that bears. Pure: values in, values out.

members       the words: domains, member, policy (on the wire)
domains       members sorted by what they can lose together
policy        the layout and voters that follow from a policy; what stands in its way
plan          the places of one extent's fragments
margin        how many more losses an extent bears
"""
