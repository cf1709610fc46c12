"""Why a server that is there does not let us in, and what to set: user and password, or the certificate's authority."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator

CERTIFICATE = "MLFLOW_TRACKING_SERVER_CERT_PATH"
_UNAUTHENTICATED, _FORBIDDEN = 401, 403
# OpenSSL's numbers of what is wrong with a certificate.
_NOT_YET_VALID, _EXPIRED = 9, 10
_OTHER_HOST, _OTHER_ADDRESS = 62, 64


def explain_refusal(error: BaseException) -> str:
    """Say in a sentence what a server, or the check of its certificate, has refused; nothing if it was not that."""
    status = getattr(error, "get_http_status_code", lambda: None)()
    if status == _UNAUTHENTICATED:
        return (
            "the tracking server refuses user or password (401); set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    if status == _FORBIDDEN:
        return (
            "the tracking server does not allow this user to do that (403); ask its administrator, or use another user"
        )
    file = os.environ.get(CERTIFICATE)
    if file and not os.path.exists(file):
        return f"{CERTIFICATE} names {file}, which is not there; give it the file (PEM) of the server's authority"
    found = next((one for one in _causes(error) if isinstance(one, ssl.SSLCertVerificationError)), None)
    return _explain_certificate(found.verify_code) if found else ""


def _explain_certificate(code: int) -> str:
    if code == _EXPIRED:
        return "the tracking server's certificate has expired; its administrator has to renew it"
    if code == _NOT_YET_VALID:
        return "the tracking server's certificate is not valid yet; check the clocks of both machines"
    if code in (_OTHER_HOST, _OTHER_ADDRESS):
        return "the tracking server's certificate is that of another host; check the address"
    return (
        "the tracking server's certificate is from an authority that this machine does not know; set "
        f"{CERTIFICATE} to the file (PEM) of that authority"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that led to it, also what urllib3 hides in an attribute and requests in an argument."""
    pending, seen = [error], set[int]()
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inside = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
        pending += [each for each in inside if isinstance(each, BaseException)]
