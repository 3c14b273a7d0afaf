"""S3 URLs: what they say, and what is wrong with a bad one."""

import pytest

from streamhub.persistence.objects import Bucket


def test_a_url_names_endpoint_keys_bucket_and_region() -> None:
    bucket = Bucket.parse("https://AK:s%2Fcr%40t@minio.example:9000/files?region=eu-1")
    assert bucket == Bucket(
        endpoint="minio.example:9000",
        secure=True,
        access="AK",
        secret="s/cr@t",
        name="files",
        region="eu-1",
    )
    assert "s/cr@t" not in repr(bucket)


def test_the_region_may_be_left_out() -> None:
    assert Bucket.parse("http://a:b@h/files").region == "us-east-1"


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("s3://a:secret@h/files", "http:// or https://"),
        ("http://h:9000/files", "lacks the keys"),
        ("http://a@h:9000/files", "lacks the keys"),
        ("http://a:secret@/files", "names no host"),
        ("http://a:secret@h:9000", "must be a bucket's name"),
        ("http://a:secret@h:9000/files/deeper", "must be a bucket's name"),
        ("http://a:secret@h:9000/Files", "not 'Files'"),
        ("http://a:secret@h:9000/files?regoin=x", "not regoin"),
    ],
)
def test_a_bad_url_is_told_without_its_secret(url: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong) as caught:
        Bucket.parse(url)
    assert "secret" not in str(caught.value)
