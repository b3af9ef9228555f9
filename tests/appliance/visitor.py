"""A browser's way of asking for a page: a connection that was cut off is tried again, one that is refused is not."""

import sys

import urllib3

if __name__ == "__main__":
    again = urllib3.Retry(connect=0, read=3, status=0)
    print(urllib3.request("GET", sys.argv[1], timeout=10, retries=again).data.decode())
