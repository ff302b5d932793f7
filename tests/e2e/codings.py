"""Content codings for tests, by the libraries that the daemon itself needs; no Python packages."""
import ctypes
import ctypes.util
import gzip
import zlib


def _library(name, version):
    return ctypes.CDLL(ctypes.util.find_library(name) or f"lib{name}.so.{version}")


def _br_encode(data):
    out = ctypes.create_string_buffer(len(data) + len(data) // 2 + 1024)
    size = ctypes.c_size_t(len(out))
    done = _library("brotlienc", 1).BrotliEncoderCompress(
        5, 22, 0, ctypes.c_size_t(len(data)), data, ctypes.byref(size), out)
    assert done == 1
    return out.raw[:size.value]


class _Br:
    """What can be read of a stream so far."""

    def __init__(self):
        self.lib = _library("brotlidec", 1)
        self.lib.BrotliDecoderCreateInstance.restype = ctypes.c_void_p
        self.state = ctypes.c_void_p(self.lib.BrotliDecoderCreateInstance(None, None, None))
        self.whole = False

    def feed(self, data):
        source = ctypes.create_string_buffer(data, len(data))
        left, at = ctypes.c_size_t(len(data)), ctypes.c_void_p(ctypes.addressof(source))
        room = ctypes.create_string_buffer(1 << 16)
        made = b""
        while True:
            free, to = ctypes.c_size_t(len(room)), ctypes.c_void_p(ctypes.addressof(room))
            result = self.lib.BrotliDecoderDecompressStream(
                self.state, ctypes.byref(left), ctypes.byref(at), ctypes.byref(free),
                ctypes.byref(to), None)
            made += room.raw[:len(room) - free.value]
            assert result != 0, "this is not br"
            if result != 3:
                self.whole = result == 1
                return made


class _Zstd:
    class Buffer(ctypes.Structure):
        _fields_ = [("p", ctypes.c_void_p), ("n", ctypes.c_size_t), ("pos", ctypes.c_size_t)]

    def __init__(self):
        self.lib = _library("zstd", 1)
        self.lib.ZSTD_createDStream.restype = ctypes.c_void_p
        self.lib.ZSTD_decompressStream.restype = ctypes.c_size_t
        self.state = ctypes.c_void_p(self.lib.ZSTD_createDStream())
        self.whole = False

    def feed(self, data):
        source = ctypes.create_string_buffer(data, len(data))
        room = ctypes.create_string_buffer(1 << 16)
        i = self.Buffer(ctypes.addressof(source), len(data), 0)
        made = b""
        while True:
            o = self.Buffer(ctypes.addressof(room), len(room), 0)
            left = self.lib.ZSTD_decompressStream(self.state, ctypes.byref(o), ctypes.byref(i))
            assert not self.lib.ZSTD_isError(ctypes.c_size_t(left)), "this is not zstd"
            made += room.raw[:o.pos]
            if i.pos == i.n and (left == 0 or o.pos < o.n):
                self.whole = left == 0
                return made


class _Gzip:
    def __init__(self):
        self.state = zlib.decompressobj(31)

    def feed(self, data):
        return self.state.decompress(data)

    @property
    def whole(self):
        return self.state.eof and not self.state.unused_data


def _zstd_encode(data):
    lib = _library("zstd", 1)
    lib.ZSTD_compressBound.restype = lib.ZSTD_compress.restype = ctypes.c_size_t
    out = ctypes.create_string_buffer(lib.ZSTD_compressBound(ctypes.c_size_t(len(data))))
    n = lib.ZSTD_compress(out, ctypes.c_size_t(len(out)), data, ctypes.c_size_t(len(data)), 3)
    return out.raw[:n]


DECODERS = {"gzip": _Gzip, "br": _Br, "zstd": _Zstd}
ENCODERS = {"gzip": lambda data: gzip.compress(data, 5), "br": _br_encode, "zstd": _zstd_encode}
CODINGS = list(DECODERS)


def encode(coding, data):
    return ENCODERS[coding](data)


def decode(coding, data):
    """All of it; what is not whole, or has something behind its end, fails."""
    decoder = DECODERS[coding]()
    made = decoder.feed(data)
    assert decoder.whole, f"this {coding} is not whole"
    return made


def plain(response):
    """A response's body without its content coding."""
    coding = response.fields.get("content-encoding")
    return response.body if coding is None else decode(coding, response.body)
