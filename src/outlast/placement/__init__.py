"""Which provider stores what, and how many losses that tolerates. Pure: values in, values out.

members       the types: domains, member, policy (on the wire)
domains       members grouped by failure domain
policy        the layout and voters that follow from a policy, and what prevents them
plan          the places of one extent's fragments
margin        how many more losses an extent tolerates
"""
