"""Bounds that several packages share, each with its reason. Unit last in the name."""

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

# Limits fixed by S3.
key_bytes_max = 1024
metadata_bytes_max = 2 * KIB
object_bytes_max = 5 * (1 << 40)
put_bytes_max = 5 * GIB
part_bytes_min = 5 * MIB
parts_max = 10_000
list_keys_max = 1000
delete_keys_max = 1000

# Provider object names stay within the rules of every provider.
provider_key_bytes_max = 512

# A stripe is what is sealed and coded at once: large enough that per-call costs are negligible next to 8 GB/s
# of coding, small enough that a ranged read does not fetch much more than it needs.
stripe_bytes = 1 * MIB
# An extent is the unit of placement. 16 MiB keeps fragments at a size that every cloud transfers efficiently.
extent_bytes_max = 16 * MIB
# Up to this size an object is stored in the log, in the same round trip that commits it.
inline_bytes_max = 128 * KIB
# One slot's batch. Larger ones would delay the writers queued after them.
batch_bytes_max = 4 * MIB

# Plaintext that writers may hold at once over all requests; with m/k parity and buffers in flight a
# gateway stays well under 300 MiB.
write_buffer_bytes_max = 48 * MIB
# How much one reader fetches at a time.
read_window_bytes = 4 * MIB
# Plaintext that readers may hold at once. One reader takes half: 32 MiB per 80 ms round trip is 400 MB/s.
read_ahead_bytes_max = 64 * MIB

# What requests may hold at once: documents, listings, and small objects whose records wait for the log.
client_bytes_max = 64 * MIB

# A log operation that takes longer than this counts as failed, even if its answer comes later. It is a little
# longer than a guard's own deadline, so that the guard detects the failure and health records it.
log_operation_s_max = 5.5
# The slowest link to a provider that a gateway can use. A large transfer may take as long as it needs at this
# rate, once the provider has shown that it is slow rather than silent.
link_bytes_per_s_min = 32 * KIB
# The total time for one read of a slot: 8 MiB at that rate. Each answer within it is due within
# `log_operation_s_max`.
log_read_s_max = 260.0
# Drill reports that the catalog keeps. Each takes a few KiB, and older ones are of no use.
drill_reports_max = 100
# Months of usage reports that the catalog keeps, the most recently reported ones: enough that gateways with
# wrong clocks do not push out the current month, few enough that the table stays small.
usage_months_max = 8
# Grace periods whose progress the catalog keeps. Operators use one or two.
grace_marks_max = 16
# Processes that can protect the data of long reads from collection at once. More than run concurrently; a
# process that has finished reading, or died, stays in the table until newer ones push it out.
holds_max = 1000
# How long a request waits for the store before it gets a 503.
request_wait_s_max = 15.0
