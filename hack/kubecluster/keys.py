"""Keys, certificates and tokens of a cluster, made with openssl: files that their owner alone reads."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
from pathlib import Path

from kubecluster.files import ClusterError, write_private

# A configuration of our own: what a machine's openssl.cnf adds differs from one to the next, and newer
# clients refuse certificates without the key identifiers.
OPENSSL_CONF = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = ringmaster-cluster
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth,clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes.default.svc,DNS:kubernetes.default
"""
ADMIN, CONTROLLERS = "admin", "system:kube-controller-manager"
SCHEDULER, PROXY, ROUTER = "system:kube-scheduler", "system:kube-proxy", "system:kube-router"
KWOK = "kwok"
NODE_NAME = "ringmaster-node"
NODE = f"system:node:{NODE_NAME}"
GROUPS = {ADMIN: "system:masters", KWOK: "system:masters", NODE: "system:nodes"}


def make(folder: Path) -> None:
    """Make all that the parts of a new cluster need to trust each other."""
    config = folder / "openssl.cnf"
    write_private(config, OPENSSL_CONF)
    common = ["openssl", "req", "-x509", "-config", str(config), "-days", "3650", "-nodes"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    _openssl(folder, [*common, *curve, "-extensions", "authority", "-keyout", "ca.key", "-out", "ca.crt"])
    signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-subj", "/CN=kube-apiserver"]
    _openssl(
        folder,
        [*common, *curve, *signed, "-extensions", "server", "-keyout", "server.key", "-out", "server.crt"],
    )
    rsa = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
    _openssl(folder, ["openssl", "genpkey", *rsa, "-out", "service-accounts.key"])
    users = (ADMIN, CONTROLLERS, SCHEDULER, PROXY, ROUTER, KWOK, NODE)
    lines = [f"{secrets.token_hex(32)},{user},{user},{GROUPS.get(user, '')}" for user in users]
    write_private(folder / "tokens.csv", "\n".join(lines) + "\n")


def _openssl(folder: Path, command: list[str]) -> None:
    try:
        made = subprocess.run(command, cwd=folder, capture_output=True, text=True, umask=0o077, check=False)
    except FileNotFoundError:
        raise ClusterError("openssl is missing: hack/setup installs it") from None
    if made.returncode:
        raise ClusterError(f"`{' '.join(command)}` failed (OpenSSL 3 is needed):\n{made.stderr.strip()}")


def token(folder: Path, user: str) -> str:
    """The user's bearer token."""
    for line in (folder / "tokens.csv").read_text().splitlines():
        value, name, *_ = line.split(",")
        if name == user:
            return value
    raise ClusterError(f"{folder}/tokens.csv names no {user}: end the cluster and start it again")


def kubeconfig(folder: Path, *, name: str, port: int, user: str) -> str:
    """A kubeconfig that holds all it needs, so that it works wherever it is copied to."""
    authority = base64.b64encode((folder / "ca.crt").read_bytes()).decode()
    server = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": authority}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
        "clusters": [{"name": name, "cluster": server}],
        "users": [{"name": user, "user": {"token": token(folder, user)}}],
    }
    return (
        json.dumps(config, indent=2) + "\n"
    )  # which is YAML too, and no name in it can be taken for a number
