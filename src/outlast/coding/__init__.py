"""Turns bytes into fragments and back. Pure: no providers, clocks, or tasks.

keys          the master key and what is derived from it
key_text      the key file and the recovery sheet, as text
seal          secrecy and authenticity: short messages, stripes, data keys
erasure       k + m: any k of the shares restore the bytes
geometry      the position of each stripe's share in a fragment
extent        plaintext stripes to fragments, fragments to plaintext stripes
"""
