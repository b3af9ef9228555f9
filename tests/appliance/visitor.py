"""A browser's way of asking for a page: a connection that was cut off is tried again, one that is refused is not.

python -m tests.appliance.visitor URL [TOKEN]
"""

import sys

import urllib3

if __name__ == "__main__":
    again = urllib3.Retry(connect=0, read=3, status=0)
    headers = {"Authorization": f"Bearer {sys.argv[2]}"} if len(sys.argv) > 2 else None
    print(urllib3.request("GET", sys.argv[1], headers=headers, timeout=10, retries=again).data.decode())
