"""A strict reader of WARC files (ISO 28500:2017), after the standard and nothing of ours."""
import gzip
import re
import zlib

NAMED = re.compile(rb"^([!#$%&'*+.^_`|~0-9A-Za-z-]+): (.*)$")
ID = re.compile(r"^<urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}>$")
DATE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")


class Record:
    def __init__(self, fields, block):
        self.fields, self.block = fields, block
        self.type, self.uri = fields["WARC-Type"], fields.get("WARC-Target-URI")

    def response(self):
        """(status, fields, body) of the block, which is an HTTP/1.1 message."""
        assert self.fields["Content-Type"] == "application/http; msgtype=response"
        head, body = self.block.split(b"\r\n\r\n", 1)
        first, *lines = head.split(b"\r\n")
        version, status, _ = first.split(b" ", 2)
        assert version == b"HTTP/1.1"
        fields = {}
        for line in lines:
            name, value = line.split(b": ", 1)
            fields[name.decode().lower()] = value.decode("latin-1")
        assert int(fields["content-length"]) == len(body)
        return int(status), fields, body


def _record(data, at):
    end = data.index(b"\r\n\r\n", at)
    first, *lines = data[at:end].split(b"\r\n")
    assert first == b"WARC/1.1"
    fields = {}
    for line in lines:
        name, value = NAMED.match(line).groups()
        assert name.decode() not in fields, f"twice: {name}"
        fields[name.decode()] = value.decode()
    for name in ("WARC-Type", "WARC-Record-ID", "WARC-Date", "Content-Length"):
        assert name in fields, f"{name} is missing"
    assert ID.match(fields["WARC-Record-ID"]) and DATE.match(fields["WARC-Date"])
    block, n = end + 4, int(fields["Content-Length"])
    assert data[block + n:block + n + 4] == b"\r\n\r\n", "the end of the record is elsewhere"
    return Record(fields, data[block:block + n]), block + n + 4


def read(data):
    """All records; the first says what the file is."""
    records, at = [], 0
    while at < len(data):
        one, at = _record(data, at)
        records.append(one)
    assert records[0].type == "warcinfo"
    assert records[0].fields["Content-Type"] == "application/warc-fields"
    ids = [r.fields["WARC-Record-ID"] for r in records]
    assert len(set(ids)) == len(ids)
    return records


def read_gzip(data):
    """The same, each record being a member of its own."""
    records, whole = read(gzip.decompress(data)), 0
    while data:
        d = zlib.decompressobj(31)
        plain = d.decompress(data) + d.flush()
        assert plain.startswith(b"WARC/1.1\r\n") and plain.endswith(b"\r\n\r\n")
        whole += 1
        data = d.unused_data
    assert whole == len(records)
    return records
