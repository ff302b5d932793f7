"""Certificates for tests, made with openssl(1): a CA in a directory of its own, and what it signs."""
import os
import ssl
import subprocess


def openssl(*args, cwd):
    subprocess.run(["openssl", *args], cwd=cwd, check=True, capture_output=True)


class Authority:
    """A CA. `path` is its certificate."""

    def __init__(self, directory, name="test CA"):
        self.dir, self.name = str(directory), name
        self.stem = "".join(c for c in name if c.isalnum())
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", f"{self.stem}.key", "-out", f"{self.stem}.crt", "-subj", f"/CN={name}",
                "-days", "2", "-addext", "basicConstraints=critical,CA:TRUE", cwd=self.dir)
        self.path = os.path.join(self.dir, f"{self.stem}.crt")

    def issue(self, stem, alt, days=2, key="ec", more="", subject=None):
        """-> (certificate, key), paths. `alt` like "DNS:a.example,IP:127.0.0.1"; 0 days: expired.
        `more` are further lines of extensions."""
        kinds = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"], "weak": ["rsa:1024"]}
        with open(os.path.join(self.dir, f"{stem}.ext"), "w", encoding="ascii") as f:
            f.write(f"subjectAltName={alt}\nbasicConstraints=critical,CA:FALSE\n{more}\n")
        openssl("req", "-newkey", *kinds[key], "-nodes", "-keyout", f"{stem}.key", "-out",
                f"{stem}.csr", "-subj", subject or f"/CN={stem}", cwd=self.dir)
        openssl("x509", "-req", "-in", f"{stem}.csr", "-CA", f"{self.stem}.crt", "-CAkey",
                f"{self.stem}.key", "-CAcreateserial", "-days", str(days), "-extfile", f"{stem}.ext",
                "-out", f"{stem}.crt", cwd=self.dir)
        return (os.path.join(self.dir, f"{stem}.crt"), os.path.join(self.dir, f"{stem}.key"))

    def server(self, stem="origin", alt="DNS:localhost,IP:127.0.0.1", days=2, clients_by=None,
               version=None):
        """A context for an origin; `clients_by`: the CA that clients must have a certificate of."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(stem, alt, days))
        context.set_alpn_protocols(["http/1.1"])
        if version:
            context.minimum_version = context.maximum_version = version
        if clients_by:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients_by.path)
        return context
