"""Prints the OpenAPI document of the interface, as it is committed."""

import sys

from lensmount_web.app import Bench, endpoints
from lensmount_web.openapi import openapi_text
from lensmount_web.results import Results
from lensmount_web.session_store import SessionStore

if __name__ == "__main__":
    sys.stdout.write(openapi_text(endpoints(Bench(SessionStore(), Results(), ""))))
