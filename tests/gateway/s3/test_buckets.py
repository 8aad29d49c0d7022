"""ListBuckets, CreateBucket, HeadBucket, DeleteBucket, GetBucketLocation."""

import pytest
from running_gateway import Client, RunningGateway, code_of


def test_create_look_list_delete(gateway: RunningGateway, s3: Client) -> None:
    name = gateway.new_name()
    assert code_of(s3.head_bucket, Bucket=name) == ("404", 404)
    assert s3.create_bucket(Bucket=name)["Location"] == f"/{name}"
    assert s3.head_bucket(Bucket=name)["BucketRegion"] == "us-east-1"
    assert name in [row["Name"] for row in s3.list_buckets()["Buckets"]]
    s3.delete_bucket(Bucket=name)
    assert name not in [row["Name"] for row in s3.list_buckets()["Buckets"]]
    assert code_of(s3.delete_bucket, Bucket=name) == ("NoSuchBucket", 404)


def test_ones_own_bucket_can_be_made_again_in_us_east_1_only(
    gateway: RunningGateway, s3: Client, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.create_bucket(Bucket=bucket)["Location"] == f"/{bucket}"
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    elsewhere = gateway.client(region="eu-west-1")
    there = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    assert code_of(elsewhere.create_bucket, Bucket=bucket, **there) == ("BucketAlreadyOwnedByYou", 409)


def test_a_bucket_with_something_in_it_stays(s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert code_of(s3.delete_bucket, Bucket=bucket) == ("BucketNotEmpty", 409)
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)


def test_uploads_under_way_end_with_their_bucket(s3: Client, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    s3.upload_part(**where, PartNumber=1, Body=b"x")
    s3.delete_bucket(Bucket=bucket)
    assert code_of(s3.abort_multipart_upload, **where) == ("NoSuchBucket", 404)
    s3.create_bucket(Bucket=bucket)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    assert code_of(s3.abort_multipart_upload, **where) == ("NoSuchUpload", 404)


@pytest.mark.parametrize("name", ["ab", "UPPER", "a..b", "192.168.1.1", "-abc", "under_score", "x" * 64])
def test_bad_names_are_refused(gateway: RunningGateway, name: str) -> None:
    answer = gateway.exchange(gateway.head("PUT", f"/{name}"))
    assert (answer.status, answer.code) == (400, "InvalidBucketName")


def test_a_client_of_any_region_is_at_home(gateway: RunningGateway) -> None:
    client = gateway.client(region="eu-central-2")
    name = gateway.new_name()
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-2"})
    assert client.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-central-2"
    assert client.head_bucket(Bucket=name)["BucketRegion"] == "eu-central-2"
    assert gateway.client().get_bucket_location(Bucket=name)["LocationConstraint"] is None


def test_another_region_than_the_clients_own_is_refused(gateway: RunningGateway, s3: Client) -> None:
    where = {"LocationConstraint": "ap-south-1"}
    assert code_of(s3.create_bucket, Bucket=gateway.new_name(), CreateBucketConfiguration=where) == (
        "IllegalLocationConstraintException",
        400,
    )


def test_what_a_bucket_cannot_have_is_refused(gateway: RunningGateway, s3: Client) -> None:
    name = gateway.new_name()
    assert code_of(s3.create_bucket, Bucket=name, ACL="public-read") == ("NotImplemented", 501)
    locked = {"Bucket": name, "ObjectLockEnabledForBucket": True}
    assert code_of(s3.create_bucket, **locked) == ("NotImplemented", 501)
    assert code_of(s3.head_bucket, Bucket=name)[1] == 404


def test_pages_of_buckets(gateway: RunningGateway, s3: Client) -> None:
    names = sorted(f"paged-{number}" for number in range(5))
    for name in names:
        s3.create_bucket(Bucket=name)
    pages = list(s3.get_paginator("list_buckets").paginate(Prefix="paged-", PaginationConfig={"PageSize": 2}))
    assert [len(page["Buckets"]) for page in pages] == [2, 2, 1]
    assert [row["Name"] for page in pages for row in page["Buckets"]] == names
    assert s3.list_buckets(BucketRegion="eu-west-1")["Buckets"] == []
    for name in names:
        s3.delete_bucket(Bucket=name)
