"""Every bound, in one place, each with its reason. Unit last in the name."""

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

# Names and sizes that S3 fixes.
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

# A stripe is what is sealed and coded at once: large enough that per-call costs vanish beside 8 GB/s
# of coding, small enough that a ranged read does not fetch much more than it was asked for.
stripe_bytes = 1 * MIB
# An extent is the unit of placement. 16 MiB keeps a fragment in a size that every cloud moves well.
extent_bytes_max = 16 * MIB
# Up to this size an object travels inside the log, in the same round trip that makes it exist.
inline_bytes_max = 128 * KIB
# One slot's batch: larger ones would hold up those who wait behind them.
batch_bytes_max = 4 * MIB

# Plaintext that writers may hold at once over all requests; with m/k parity and buffers in flight a
# gateway stays well under 300 MiB.
write_buffer_bytes_max = 48 * MIB
# What one reader fetches at a time.
read_window_bytes = 4 * MIB
# Plaintext that readers may hold at once. One alone takes half: 32 MiB in a round trip of 80 ms are 400 MB/s.
read_ahead_bytes_max = 64 * MIB

# What requests may hold at once: small objects and their records that wait for the log, documents, listings.
client_bytes_max = 64 * MIB

# A log operation that takes longer than this counts as failed, also when its answer comes later. A little
# longer than a guard's own deadline, so that it is the guard that finds out, and health that hears of it.
log_operation_s_max = 5.5
# The slowest link to a provider that a gateway can use. A call of many bytes may take as long as they take at
# this rate, once the provider has shown that it is slow and not silent.
link_bytes_per_s_min = 32 * KIB
# How long one reading of a slot may take in all: 8 MiB at that rate. Each answer on the way is due within
# `log_operation_s_max`.
log_read_s_max = 260.0
# Reports of drills that the catalog keeps. One has a few KiB, and nobody looks further back.
drill_reports_max = 100
# Months whose reports of usage the catalog keeps, those that were reported on last: enough that some gateways
# with wrong clocks do not push out the present one, few enough that the table stays small.
usage_months_max = 8
# Grace periods for which the catalog keeps how far they have passed. People use one or two.
grace_marks_max = 16
# Processes whose long readings are kept from being collected at once. More than run beside one another; one
# whose reading is over, or that died, is in the table until newer ones push it out.
holds_max = 1000
# How long a request waits for the store before it is told 503.
request_wait_s_max = 15.0
