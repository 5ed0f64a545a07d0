"""Where the API server is and how it is reached: kubeconfig or the pod's service account, and a proxy."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from kubernetes.aio import client, config

from ringmaster_operator.kube_errors import KubeUnavailable


async def configured(kubeconfig: str | None, context: str | None) -> client.Configuration:
    """From a kubeconfig (argument, KUBECONFIG, ~/.kube/config) or the pod's service account.

    Raises KubeUnavailable with a plain message when none of them is there.
    """
    settings = client.Configuration()
    settings.retries = None
    try:
        if kubeconfig is None and _in_cluster():
            config.load_incluster_config(client_configuration=settings)
        else:
            _check_kubeconfig(kubeconfig)
            await config.load_kube_config(
                config_file=kubeconfig, context=context, client_configuration=settings
            )
    except (config.ConfigException, OSError) as error:
        raise KubeUnavailable(0, f"no usable kubeconfig: {error}") from error
    # Asked once: aiohttp asks the environment for a proxy, and ~/.netrc for a password that the API server
    # would not take, in two threads at every call.
    settings.proxy = settings.proxy or proxy_of(str(settings.host))
    return settings


def proxy_of(url: str) -> str | None:
    """The proxy that HTTPS_PROXY (or HTTP_PROXY) and NO_PROXY name for an address."""
    place = urlsplit(url)
    if not place.hostname or proxy_bypass(place.hostname):
        return None
    return getproxies().get(place.scheme)


def _in_cluster() -> bool:
    token = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
    return "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ and token.exists()


def _check_kubeconfig(given: str | None) -> None:
    """The client's own words for a missing file name a key that is not in it."""
    places = given or os.environ.get("KUBECONFIG") or "~/.kube/config"
    if not any(Path(place).expanduser().exists() for place in places.split(os.pathsep) if place):
        raise KubeUnavailable(0, f"there is no kubeconfig {places}: name one with --kubeconfig or KUBECONFIG")
