"""Every operation of S3, and how a request names one.

A request names its operation by method, by what it addresses (the service, a bucket, an object), and by
markers: query parameters such as `acl` or `uploadId`, and the header `x-amz-copy-source`. `find` looks
that up. Operations that are not served are in the table nevertheless, so that they are refused by
name (`NotImplemented`) instead of being taken for another one: `PUT /b/k?tagging` must never store its
body as the object.

Invariant: the table has every operation of Amazon's service model (a test compares the two), and no
two served operations have the same route.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["service", "bucket", "object"]

# The one marker that is a header.
COPY_SOURCE = "x-amz-copy-source"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `markers` are the query parameters (or `x-amz-copy-source`) that name it, sorted."""

    name: str
    method: str
    level: Level
    markers: tuple[str, ...] = ()

    @property
    def writes(self) -> bool:
        """Whether it can change anything."""
        return self.method not in ("GET", "HEAD")


# Name, method, level, markers. Old and new names of one route are next to each other.
_TABLE = """
AbortMultipartUpload                             DELETE object  uploadId
CompleteMultipartUpload                          POST   object  uploadId
CopyObject                                       PUT    object  x-amz-copy-source
CreateBucket                                     PUT    bucket
CreateBucketMetadataConfiguration                POST   bucket  metadataConfiguration
CreateBucketMetadataTableConfiguration           POST   bucket  metadataTable
CreateMultipartUpload                            POST   object  uploads
CreateSession                                    GET    bucket  session
DeleteBucket                                     DELETE bucket
DeleteBucketAnalyticsConfiguration               DELETE bucket  analytics
DeleteBucketCors                                 DELETE bucket  cors
DeleteBucketEncryption                           DELETE bucket  encryption
DeleteBucketIntelligentTieringConfiguration      DELETE bucket  intelligent-tiering
DeleteBucketInventoryConfiguration               DELETE bucket  inventory
DeleteBucketLifecycle                            DELETE bucket  lifecycle
DeleteBucketMetadataConfiguration                DELETE bucket  metadataConfiguration
DeleteBucketMetadataTableConfiguration           DELETE bucket  metadataTable
DeleteBucketMetricsConfiguration                 DELETE bucket  metrics
DeleteBucketOwnershipControls                    DELETE bucket  ownershipControls
DeleteBucketPolicy                               DELETE bucket  policy
DeleteBucketReplication                          DELETE bucket  replication
DeleteBucketTagging                              DELETE bucket  tagging
DeleteBucketWebsite                              DELETE bucket  website
DeleteObject                                     DELETE object
DeleteObjectAnnotation                           DELETE object  annotation
DeleteObjectTagging                              DELETE object  tagging
DeleteObjects                                    POST   bucket  delete
DeletePublicAccessBlock                          DELETE bucket  publicAccessBlock
GetBucketAbac                                    GET    bucket  abac
GetBucketAccelerateConfiguration                 GET    bucket  accelerate
GetBucketAcl                                     GET    bucket  acl
GetBucketAnalyticsConfiguration                  GET    bucket  analytics
GetBucketCors                                    GET    bucket  cors
GetBucketEncryption                              GET    bucket  encryption
GetBucketIntelligentTieringConfiguration         GET    bucket  intelligent-tiering
GetBucketInventoryConfiguration                  GET    bucket  inventory
GetBucketLifecycle                               GET    bucket  lifecycle
GetBucketLifecycleConfiguration                  GET    bucket  lifecycle
GetBucketLocation                                GET    bucket  location
GetBucketLogging                                 GET    bucket  logging
GetBucketMetadataConfiguration                   GET    bucket  metadataConfiguration
GetBucketMetadataTableConfiguration              GET    bucket  metadataTable
GetBucketMetricsConfiguration                    GET    bucket  metrics
GetBucketNotification                            GET    bucket  notification
GetBucketNotificationConfiguration               GET    bucket  notification
GetBucketOwnershipControls                       GET    bucket  ownershipControls
GetBucketPolicy                                  GET    bucket  policy
GetBucketPolicyStatus                            GET    bucket  policyStatus
GetBucketReplication                             GET    bucket  replication
GetBucketRequestPayment                          GET    bucket  requestPayment
GetBucketTagging                                 GET    bucket  tagging
GetBucketVersioning                              GET    bucket  versioning
GetBucketWebsite                                 GET    bucket  website
GetObject                                        GET    object
GetObjectAcl                                     GET    object  acl
GetObjectAnnotation                              GET    object  annotation
GetObjectAttributes                              GET    object  attributes
GetObjectLegalHold                               GET    object  legal-hold
GetObjectLockConfiguration                       GET    bucket  object-lock
GetObjectRetention                               GET    object  retention
GetObjectTagging                                 GET    object  tagging
GetObjectTorrent                                 GET    object  torrent
GetPublicAccessBlock                             GET    bucket  publicAccessBlock
HeadBucket                                       HEAD   bucket
HeadObject                                       HEAD   object
ListBucketAnalyticsConfigurations                GET    bucket  analytics
ListBucketIntelligentTieringConfigurations       GET    bucket  intelligent-tiering
ListBucketInventoryConfigurations                GET    bucket  inventory
ListBucketMetricsConfigurations                  GET    bucket  metrics
ListBuckets                                      GET    service
ListMultipartUploads                             GET    bucket  uploads
ListObjectAnnotations                            GET    object  annotation
ListObjectVersions                               GET    bucket  versions
ListObjects                                      GET    bucket
ListObjectsV2                                    GET    bucket  list-type
ListParts                                        GET    object  uploadId
PutBucketAbac                                    PUT    bucket  abac
PutBucketAccelerateConfiguration                 PUT    bucket  accelerate
PutBucketAcl                                     PUT    bucket  acl
PutBucketAnalyticsConfiguration                  PUT    bucket  analytics
PutBucketCors                                    PUT    bucket  cors
PutBucketEncryption                              PUT    bucket  encryption
PutBucketIntelligentTieringConfiguration         PUT    bucket  intelligent-tiering
PutBucketInventoryConfiguration                  PUT    bucket  inventory
PutBucketLifecycle                               PUT    bucket  lifecycle
PutBucketLifecycleConfiguration                  PUT    bucket  lifecycle
PutBucketLogging                                 PUT    bucket  logging
PutBucketMetricsConfiguration                    PUT    bucket  metrics
PutBucketNotification                            PUT    bucket  notification
PutBucketNotificationConfiguration               PUT    bucket  notification
PutBucketOwnershipControls                       PUT    bucket  ownershipControls
PutBucketPolicy                                  PUT    bucket  policy
PutBucketReplication                             PUT    bucket  replication
PutBucketRequestPayment                          PUT    bucket  requestPayment
PutBucketTagging                                 PUT    bucket  tagging
PutBucketVersioning                              PUT    bucket  versioning
PutBucketWebsite                                 PUT    bucket  website
PutObject                                        PUT    object
PutObjectAcl                                     PUT    object  acl
PutObjectAnnotation                              PUT    object  annotation
PutObjectLegalHold                               PUT    object  legal-hold
PutObjectLockConfiguration                       PUT    bucket  object-lock
PutObjectRetention                               PUT    object  retention
PutObjectTagging                                 PUT    object  tagging
PutPublicAccessBlock                             PUT    bucket  publicAccessBlock
RenameObject                                     PUT    object  renameObject
RestoreObject                                    POST   object  restore
SelectObjectContent                              POST   object  select
UpdateBucketMetadataAnnotationTableConfiguration PUT    bucket  metadataAnnotationTable
UpdateBucketMetadataInventoryTableConfiguration  PUT    bucket  metadataInventoryTable
UpdateBucketMetadataJournalTableConfiguration    PUT    bucket  metadataJournalTable
UpdateObjectEncryption                           PUT    object  encryption
UploadPart                                       PUT    object  uploadId
UploadPartCopy                                   PUT    object  uploadId x-amz-copy-source
"""

# In S3's model, but only at other endpoints than a bucket store's: no request here can name them.
ELSEWHERE = {
    "ListDirectoryBuckets": "only at the endpoint of directory buckets",
    "WriteGetObjectResponse": "only at the endpoint of Object Lambda",
}


def _parse(table: str) -> Iterable[Operation]:
    levels: dict[str, Level] = {"service": "service", "bucket": "bucket", "object": "object"}
    for line in table.strip().splitlines():
        name, method, level, *markers = line.split()
        yield Operation(name, method, levels[level], tuple(sorted(markers)))


OPERATIONS: tuple[Operation, ...] = tuple(_parse(_TABLE))

_PLAIN = {(op.method, op.level): op for op in reversed(OPERATIONS) if not op.markers}
_MARKED = {(op.method, op.level, op.markers): op for op in reversed(OPERATIONS) if op.markers}
_PARAMETERS = frozenset(marker for op in OPERATIONS for marker in op.markers) - {COPY_SOURCE}


def markers_of(query: Iterable[str], headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the markers in a request, sorted. `x-id` and others that name no operation are ignored."""
    found = [name for name in query if name in _PARAMETERS]
    if COPY_SOURCE in headers:
        found.append(COPY_SOURCE)
    return tuple(sorted(found))


def find(method: str, level: Level, markers: tuple[str, ...]) -> Operation | None:
    """Return the operation that a request names; None if S3 has none of that kind.

    The copy header only has a meaning for copies: elsewhere it is ignored, as in S3.
    """
    if not markers:
        return _PLAIN.get((method, level))
    found = _MARKED.get((method, level, markers))
    if found is None and COPY_SOURCE in markers:
        return find(method, level, tuple(marker for marker in markers if marker != COPY_SOURCE))
    return found
